INSERT INTO watches (watch_key, payment_id) SELECT * FROM unnest($1::text[], $2::text[])
ON CONFLICT DO NOTHING
