UPDATE outbox SET published_at = $2 WHERE outbox_id = ANY($1::bigint[])
