UPDATE outbox SET held = true WHERE outbox_id = ANY($1::bigint[])
