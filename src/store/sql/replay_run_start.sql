INSERT INTO replay_runs (selection, operator, reason, last_letter, started_at, updated_at)
VALUES ($1::jsonb, $2, $3, $4, $5, $5)
RETURNING run_id
