INSERT INTO usage_watermarks AS w (topic, partition, complete_through, updated_at)
VALUES ($1, $2, $3, $4)
ON CONFLICT (topic, partition) DO UPDATE
SET complete_through = greatest(w.complete_through, EXCLUDED.complete_through),
    updated_at = EXCLUDED.updated_at
