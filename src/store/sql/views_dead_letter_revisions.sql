-- Revisions of one dead letter. Index: dead_letter_revisions_pkey.
SELECT revision, record_value, operator, reason, made_at
  FROM dead_letter_revisions
 WHERE dead_letter_id = $1
 ORDER BY revision
 LIMIT 100
