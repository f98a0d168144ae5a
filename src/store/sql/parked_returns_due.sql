-- Parked returns to be tried again: never tried since, or what they name has come since, or an hour
-- ago; or ($3) those that failed and whose time has come. An original that was on its way when
-- the return was tried is looked for a minute longer.
SELECT p.bank_account, p.bank_key, p.parked_at
  FROM parked_returns p
  LEFT JOIN failing_items f
    ON f.kind = 'return' AND f.item = key_joined(p.bank_account, p.bank_key)
 WHERE CASE WHEN $3 THEN next_try(f.tried_at, f.attempts, f.code) <= $1 ELSE f.item IS NULL AND (
        p.tried_at = p.parked_at OR p.tried_at <= $1::timestamptz - interval '1 hour'
        OR (p.why = 'no_original' AND EXISTS (
            SELECT 1 FROM bank_transactions b WHERE b.bank_account = p.bank_account
               AND b.bank_key = p.original_key AND b.disposition = 'payment'
               AND b.recorded_at > p.tried_at - interval '1 minute'))
        OR (p.why = 'no_return' AND EXISTS (
            SELECT 1 FROM payment_returns r WHERE r.bank_account = p.bank_account
               AND r.bank_transaction_id = substr(p.original_key, 4) AND r.undoes IS NULL
               AND r.returned_at > p.tried_at - interval '1 minute'))) END
 ORDER BY p.tried_at, p.bank_account, p.bank_key LIMIT $2
