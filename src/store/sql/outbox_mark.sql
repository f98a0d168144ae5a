UPDATE outbox SET published_at = $2, held = false WHERE outbox_id = ANY($1::bigint[])
