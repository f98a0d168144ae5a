-- One beyond $5 was written before such were refused: an honest one takes its place.
INSERT INTO usage_watermarks AS w (topic, partition, complete_through, updated_at)
VALUES ($1, $2, $3, $4)
ON CONFLICT (topic, partition) DO UPDATE
SET complete_through = CASE WHEN w.complete_through > $5 THEN EXCLUDED.complete_through
                            ELSE greatest(w.complete_through, EXCLUDED.complete_through) END,
    updated_at = EXCLUDED.updated_at
