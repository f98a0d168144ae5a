-- Parked returns, the longest parked first; after that instant, bank account and key. Indexes:
-- bank_transactions_pkey, told_again_pkey, told_again_earlier.
SELECT p.bank_account, p.bank_key, t.currency, t.amount, t.booking_date, t.return_of ->> 0 AS names,
       p.why, p.parked_at, p.tried_at,
       (SELECT a.earlier_key FROM told_again a WHERE a.bank_account = p.bank_account
           AND a.bank_key = p.bank_key) AS looks_like,
       -- What it names was told twice: a person ended that record, and this one was booked.
       (SELECT b.bank_key FROM bank_transactions e
          JOIN told_again a ON a.bank_account = e.bank_account
           AND e.bank_key IN (a.bank_key, a.earlier_key)
          JOIN bank_transactions b ON b.bank_account = e.bank_account
           AND b.bank_key IN (a.bank_key, a.earlier_key) AND b.disposition = 'returned'
         WHERE p.why = 'no_return' AND e.bank_account = p.bank_account
           AND e.bank_key = 'reversal:' || (t.return_of ->> 0)
           AND e.disposition = 'return_ended' LIMIT 1) AS booked_as
  FROM parked_returns p
  JOIN bank_transactions t USING (bank_account, bank_key)
 WHERE $1::timestamptz IS NULL
    OR (p.parked_at, p.bank_account, p.bank_key) > ($1, $2::text, $3::text)
 ORDER BY p.parked_at, p.bank_account, p.bank_key
 LIMIT $4
