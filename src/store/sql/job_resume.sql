-- What would have run meanwhile was not missed.
WITH done AS (
    UPDATE jobs SET paused_at = NULL, paused_by = NULL, pause_reason = NULL, known_since = $2
    WHERE job = $1 AND paused_at IS NOT NULL RETURNING job
)
INSERT INTO job_acts (job, act, operator, acted_at) SELECT job, 'resume', $3, $2 FROM done
