-- What operators did with one dead letter. Index: dead_letter_acts_letter.
SELECT act, operator, reason, outcome, code, acted_at, before::text AS before,
       after::text AS after
  FROM dead_letter_acts
 WHERE dead_letter_id = $1
 ORDER BY act_id
 LIMIT 100
