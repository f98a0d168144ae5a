-- The next lots that have money, the oldest first, behind the last that was read of each account.
-- Index: lots_open_order.
SELECT n.account_id, n.currency, l.lot_id, l.amount, l.remaining, l.debt_cleared, l.reversed,
       l.clawed_back, l.opened_at
FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::bigint[])
     AS n(account_id, currency, after_at, after_id, rows)
CROSS JOIN LATERAL (
    SELECT lot_id, amount, remaining, debt_cleared, reversed, clawed_back, opened_at FROM lots
     WHERE account_id = n.account_id AND currency = n.currency AND is_open
       AND (opened_at, lot_id) > (coalesce(n.after_at, '-infinity'), n.after_id)
     ORDER BY opened_at, lot_id LIMIT n.rows) l
ORDER BY n.account_id, n.currency, l.opened_at, l.lot_id
