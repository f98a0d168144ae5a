INSERT INTO failing_items AS f (kind, item, attempts, code, failed_at, tried_at)
VALUES ($1, $2, 1, $3, $4, $4)
ON CONFLICT (kind, item) DO UPDATE
SET attempts = f.attempts + 1, code = EXCLUDED.code, tried_at = greatest(f.tried_at, $4)
RETURNING attempts
