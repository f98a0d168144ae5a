-- Of the parked returns behind $4 and $5, up to $6 and $7 and at most $3 of them: those to be tried
-- again that never failed, and the last that was looked at. To be tried is what was never tried
-- since it was parked, or an hour ago, what names something that has come since, and what a person
-- did something for since. What was on its way when the return was tried is looked for a minute
-- longer. What may be an earlier one told again waits for a person.
WITH page AS (
    SELECT p.*, row_number() OVER (ORDER BY p.bank_account, p.bank_key) AS place
      FROM (SELECT bank_account, bank_key, original_key, why, parked_at, tried_at, woken_at
              FROM parked_returns
             WHERE (bank_account, bank_key) > ($4, $5)
               AND ($6::text IS NULL OR (bank_account, bank_key) <= ($6, $7))
             ORDER BY bank_account, bank_key LIMIT $3) p)
SELECT p.bank_account, p.bank_key, p.parked_at, p.place, d.due, p.tried_at
  FROM page p
 CROSS JOIN LATERAL (
    SELECT (SELECT true FROM failing_items f WHERE f.kind = 'return'
               AND f.item = key_joined(p.bank_account, p.bank_key) LIMIT 1) IS NULL
       AND p.why <> 'possible_duplicate'
       AND coalesce(p.tried_at = p.parked_at OR p.tried_at <= $1::timestamptz - interval '1 hour'
        OR p.woken_at > p.tried_at - interval '1 minute'
        OR (p.why = 'no_original' AND (
            SELECT true FROM bank_transactions b WHERE b.bank_account = p.bank_account
               AND b.bank_key = p.original_key AND b.disposition = 'payment'
               AND b.recorded_at > p.tried_at - interval '1 minute' LIMIT 1))
        OR (p.why IN ('no_return', 'several_payments') AND (
            SELECT true FROM payment_returns r WHERE r.bank_account = p.bank_account
               AND r.bank_transaction_id = substr(p.original_key, 4) AND r.undoes IS NULL
               AND r.returned_at > p.tried_at - interval '1 minute' LIMIT 1)), false) AS due
        OFFSET 0) d
 WHERE d.due OR p.place = $3
 ORDER BY p.place LIMIT $2
