-- Balances, live holds and credit limits of one account. Indexes: balances_pkey,
-- holds_live_of_account, credit_limits_pkey.
SELECT $1::text AS account_id, currency, coalesce(b.amount, 0) AS amount,
       l.amount AS credit_limit, coalesce(h.held, 0) AS held,
       least(greatest(coalesce(b.amount, 0)::numeric - coalesce(h.held, 0)
           + coalesce(l.amount, 0), -9e18), 9e18)::bigint AS usable, b.updated_at
  FROM (SELECT currency, amount, updated_at FROM balances WHERE account_id = $1) b
  FULL JOIN (SELECT currency, amount FROM credit_limits WHERE account_id = $1) l USING (currency)
  FULL JOIN (SELECT currency, least(sum(amount - released), 9e18)::bigint AS held FROM holds
              WHERE account_id = $1 AND state = 'live' GROUP BY currency) h USING (currency)
 ORDER BY currency
