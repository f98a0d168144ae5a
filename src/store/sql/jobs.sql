-- name: jobs_ensure
INSERT INTO jobs (job, known_since) SELECT job, $2 FROM unnest($1::text[]) AS job
ON CONFLICT (job) DO NOTHING

-- name: job_lock
-- Claims of one job come one after the other.
SELECT paused_at IS NOT NULL FROM jobs WHERE job = $1 FOR NO KEY UPDATE

-- name: job_state
-- A statement of its own: one that waits for a lock goes on with the snapshot it began with.
SELECT EXISTS (SELECT 1 FROM job_runs WHERE job = $1 AND scheduled_for = $2) AS taken,
       EXISTS (SELECT 1 FROM job_runs WHERE job = $1 AND state = 'running') AS busy

-- name: job_last_tick
SELECT greatest(j.known_since, (SELECT max(r.scheduled_for) FROM job_runs r
                                 WHERE r.job = j.job AND r.cause <> 'operator'))
FROM jobs j WHERE j.job = $1

-- name: job_pause
WITH done AS (
    UPDATE jobs SET paused_at = $2, paused_by = $3, pause_reason = $4
    WHERE job = $1 AND paused_at IS NULL RETURNING job
)
INSERT INTO job_acts (job, act, operator, reason, acted_at)
SELECT job, 'pause', $3, $4, $2 FROM done

-- name: job_resume
-- What would have run meanwhile was not missed.
WITH done AS (
    UPDATE jobs SET paused_at = NULL, paused_by = NULL, pause_reason = NULL, known_since = $2
    WHERE job = $1 AND paused_at IS NOT NULL RETURNING job
)
INSERT INTO job_acts (job, act, operator, acted_at) SELECT job, 'resume', $3, $2 FROM done

-- name: job_run_claim
INSERT INTO job_runs (job, scheduled_for, cause, operator, as_of, state, owner, lease_until,
    started_at, finished_at, summary)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: job_run_take_over
-- A run whose lease ended; somebody else may be taking another one at this moment.
UPDATE job_runs r SET epoch = r.epoch + 1, owner = $2, lease_until = $3
FROM (SELECT job, scheduled_for FROM job_runs
       WHERE state = 'running' AND lease_until <= $1
       ORDER BY job, scheduled_for LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) due
WHERE r.job = due.job AND r.scheduled_for = due.scheduled_for
RETURNING r.job, r.scheduled_for, r.as_of, r.epoch, r.progress

-- name: job_run_renew
UPDATE job_runs SET lease_until = $4, progress = coalesce($5, progress)
WHERE job = $1 AND scheduled_for = $2 AND epoch = $3 AND state = 'running'

-- name: job_run_finish
UPDATE job_runs SET state = $4, findings = $5, summary = $6, finished_at = $7, progress = NULL
WHERE job = $1 AND scheduled_for = $2 AND epoch = $3 AND state = 'running'
