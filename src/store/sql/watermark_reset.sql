WITH gone AS (DELETE FROM usage_watermarks WHERE topic = $1 AND partition = $2
              RETURNING topic, partition, complete_through)
INSERT INTO watermark_resets (topic, partition, complete_through, operator, reason, reset_at)
SELECT topic, partition, complete_through, $3, $4, $5 FROM gone
