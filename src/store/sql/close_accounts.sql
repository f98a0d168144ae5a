UPDATE accounts a SET closed_at = CASE WHEN n.closed THEN $3::timestamptz END, updated_at = $3
FROM unnest($1::text[], $2::boolean[]) AS n(account_id, closed)
WHERE a.account_id = n.account_id
