INSERT INTO items_in_hand AS h (kind, owner, items, counted, lease_until)
VALUES ($1, $2, $3, $4, clock_timestamp() + $5::bigint * interval '1 millisecond')
ON CONFLICT (kind, owner) DO UPDATE
SET items = EXCLUDED.items, counted = EXCLUDED.counted, lease_until = EXCLUDED.lease_until
