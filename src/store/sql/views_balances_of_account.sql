-- Balances and credit limits of one account. Indexes: balances_pkey, credit_limits_pkey.
SELECT $1::text AS account_id, currency, coalesce(b.amount, 0) AS amount,
       l.amount AS credit_limit, b.updated_at
  FROM (SELECT currency, amount, updated_at FROM balances WHERE account_id = $1) b
  FULL JOIN (SELECT currency, amount FROM credit_limits WHERE account_id = $1) l USING (currency)
 ORDER BY currency
