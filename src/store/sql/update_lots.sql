UPDATE lots l SET remaining = n.remaining, debt_cleared = n.debt_cleared
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
     AS n(lot_id, was, remaining, debt_cleared)
WHERE l.lot_id = n.lot_id AND l.remaining = n.was
