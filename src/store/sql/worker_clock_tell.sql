INSERT INTO worker_clocks (owner, consumer_group, ahead_ms, since, told_at)
VALUES ($1, $2, $3, $4, $4)
ON CONFLICT (owner) DO UPDATE SET ahead_ms = EXCLUDED.ahead_ms, told_at = EXCLUDED.told_at
