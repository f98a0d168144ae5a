UPDATE allocations a SET reversed = n.now,
       reversed_at = CASE WHEN n.now = a.amount THEN $4::timestamptz END
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS n(allocation_id, was, now)
WHERE a.allocation_id = n.allocation_id AND a.reversed = n.was
