-- Commands that failed and are to be tried again, the longest untried first.
SELECT w.wait_key, w.waiting_id
FROM failing_items f
JOIN waiting_commands w ON w.waiting_id = f.item::bigint
WHERE f.kind = 'command' AND next_try(f.tried_at, f.attempts, f.code) <= $1
ORDER BY f.tried_at, w.waiting_id LIMIT $2
