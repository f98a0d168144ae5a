WITH done AS (
    UPDATE jobs SET paused_at = $2, paused_by = $3, pause_reason = $4
    WHERE job = $1 AND paused_at IS NULL RETURNING job
)
INSERT INTO job_acts (job, act, operator, reason, acted_at)
SELECT job, 'pause', $3, $4, $2 FROM done
