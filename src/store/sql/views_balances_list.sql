-- Balances in the order of account and currency. Index: balances_pkey.
SELECT b.account_id, b.currency, b.amount, l.amount AS credit_limit, b.updated_at
  FROM balances b
  LEFT JOIN credit_limits l ON l.account_id = b.account_id AND l.currency = b.currency
 WHERE (b.account_id, b.currency) > (coalesce($1::text, ''), coalesce($2::text, ''))
   AND ($3::text IS NULL OR b.currency = $3)
 ORDER BY b.account_id, b.currency
 LIMIT $4
