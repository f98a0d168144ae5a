-- Parked returns to be tried again: never tried since, or what they name is here, or an hour ago.
SELECT p.bank_account, p.bank_key, p.parked_at
  FROM parked_returns p
 WHERE p.tried_at = p.parked_at OR p.tried_at <= $1::timestamptz - interval '1 hour'
    OR (p.why = 'no_original' AND EXISTS (
        SELECT 1 FROM bank_transactions b WHERE b.bank_account = p.bank_account
           AND b.bank_key = p.original_key AND b.disposition = 'payment'))
    OR (p.why = 'no_return' AND EXISTS (
        SELECT 1 FROM payment_returns r WHERE r.bank_account = p.bank_account
           AND r.bank_transaction_id = substr(p.original_key, 4) AND r.undoes IS NULL))
 ORDER BY p.parked_at, p.bank_account, p.bank_key LIMIT $2
