UPDATE checkpoints SET next_offset = $5, updated_at = $6
WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND epoch = $4
  AND (next_offset IS NULL OR next_offset <= $5)
