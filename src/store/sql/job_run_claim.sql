INSERT INTO job_runs (job, scheduled_for, cause, operator, as_of, state, owner, lease_until,
    started_at, finished_at, summary)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
