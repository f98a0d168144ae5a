SELECT h.account_id, h.hold_id, h.currency, h.amount, h.released, h.state, h.placed_at,
       h.told_at, h.ended_at
FROM unnest($1::text[], $2::text[]) AS n(account_id, hold_id)
JOIN holds h ON h.account_id = n.account_id AND h.hold_id = n.hold_id
