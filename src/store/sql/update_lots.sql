UPDATE lots l SET remaining = n.remaining, debt_cleared = n.debt_cleared, reversed = n.reversed,
       clawed_back = n.clawed_back,
       closed_at = CASE WHEN n.reversed = l.amount THEN coalesce(l.closed_at, $7::timestamptz) END
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
     AS n(lot_id, was, remaining, debt_cleared, reversed, clawed_back)
WHERE l.lot_id = n.lot_id AND l.remaining = n.was
