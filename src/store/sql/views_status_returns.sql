-- Returns of the bank that wait for what they return. Indexes: parked_returns_pkey,
-- bank_transactions_pkey. Rows are few: each leaves when it is applied.
SELECT p.why, b.currency, count(*) AS returns, sum(b.amount)::text AS amount,
       min(p.parked_at) AS oldest,
       extract(epoch FROM clock_timestamp() - min(p.parked_at))::bigint AS oldest_seconds
  FROM parked_returns p
  JOIN bank_transactions b ON b.bank_account = p.bank_account AND b.bank_key = p.bank_key
 GROUP BY p.why, b.currency
 ORDER BY p.why, b.currency
