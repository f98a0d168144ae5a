-- A replay counts as an attempt, and closes what it resolves. What fails otherwise than before has
-- the new code; its words are those of the code.
UPDATE dead_letters d
SET attempts = d.attempts + 1, last_failed_at = $4,
    code = coalesce(n.code, d.code),
    message = CASE WHEN n.code <> d.code THEN coalesce(n.message, d.message) ELSE d.message END,
    status = CASE WHEN n.resolves THEN 'replayed' ELSE d.status END,
    resolution = CASE WHEN n.resolves THEN n.resolution ELSE d.resolution END,
    resolved_at = CASE WHEN n.resolves THEN $4 ELSE d.resolved_at END
FROM unnest($1::bigint[], $2::boolean[], $3::text[], $5::text[], $6::text[])
     AS n(id, resolves, resolution, code, message)
WHERE d.dead_letter_id = n.id AND d.status = 'open'
