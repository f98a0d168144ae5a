-- Balances in the order of account and currency. Indexes: balances_pkey, holds_live_of_account.
SELECT b.account_id, b.currency, b.amount, l.amount AS credit_limit, h.held,
       least(greatest(b.amount::numeric - h.held + coalesce(l.amount, 0), -9e18), 9e18)::bigint
           AS usable, b.updated_at
  FROM balances b
  LEFT JOIN credit_limits l ON l.account_id = b.account_id AND l.currency = b.currency
  CROSS JOIN LATERAL (
       SELECT least(coalesce(sum(amount - released), 0), 9e18)::bigint AS held FROM holds
        WHERE account_id = b.account_id AND currency = b.currency AND state = 'live') h
 WHERE (b.account_id, b.currency) > (coalesce($1::text, ''), coalesce($2::text, ''))
   AND ($3::text IS NULL OR b.currency = $3)
 ORDER BY b.account_id, b.currency
 LIMIT $4
