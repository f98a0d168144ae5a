INSERT INTO crash_guards AS g (topic, partition, first_offset, last_offset, starts, updated_at)
VALUES ($1, $2, $3, -1, 1, $4)
ON CONFLICT (topic, partition) DO UPDATE
SET starts = CASE WHEN $3 IN (g.first_offset, g.last_offset) THEN g.starts + 1 ELSE 1 END,
    last_offset = CASE WHEN $3 IN (g.first_offset, g.last_offset) THEN g.last_offset ELSE -1 END,
    first_offset = $3, updated_at = $4
RETURNING starts, last_offset
