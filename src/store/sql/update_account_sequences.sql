UPDATE accounts a SET event_sequence = n.now, book_version = a.book_version + $5, updated_at = $4
FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS n(account_id, was, now)
WHERE a.account_id = n.account_id AND a.event_sequence = n.was
