DELETE FROM outbox WHERE outbox_id IN (
    SELECT outbox_id FROM outbox WHERE ($1::bigint IS NULL OR outbox_id < $1) AND published_at < $3
    ORDER BY outbox_id LIMIT $2)
  AND published_at < $3
