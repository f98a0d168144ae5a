-- Parked returns, the longest parked first. Index: bank_transactions_pkey.
SELECT p.bank_account, p.bank_key, t.currency, t.amount, t.booking_date, t.return_of ->> 0 AS names,
       p.why, p.parked_at, p.tried_at
  FROM parked_returns p
  JOIN bank_transactions t USING (bank_account, bank_key)
 ORDER BY p.parked_at, p.bank_account, p.bank_key
 LIMIT $1
