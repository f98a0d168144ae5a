-- Index: inbox_repeats_seen.
DELETE FROM inbox_repeats WHERE (topic, partition, record_offset) IN (
    SELECT topic, partition, record_offset FROM inbox_repeats
    WHERE seen_at < $1 AND outcome = 'duplicate' ORDER BY seen_at LIMIT $2)
