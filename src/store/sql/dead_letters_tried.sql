-- A replay counts as an attempt, and closes what it resolves.
UPDATE dead_letters d
SET attempts = d.attempts + 1, last_failed_at = $4,
    status = CASE WHEN n.resolves THEN 'replayed' ELSE d.status END,
    resolution = CASE WHEN n.resolves THEN n.resolution ELSE d.resolution END,
    resolved_at = CASE WHEN n.resolves THEN $4 ELSE d.resolved_at END
FROM unnest($1::bigint[], $2::boolean[], $3::text[]) AS n(id, resolves, resolution)
WHERE d.dead_letter_id = n.id AND d.status = 'open'
