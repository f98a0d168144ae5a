UPDATE accounts a SET name = n.name, updated_at = $4,
       stale_after_days = coalesce(n.stale_after_days, a.stale_after_days)
FROM unnest($1::text[], $2::text[], $3::integer[]) AS n(account_id, name, stale_after_days)
WHERE a.account_id = n.account_id
