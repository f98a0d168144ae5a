-- Index: job_runs_started.
DELETE FROM job_runs WHERE (job, scheduled_for) IN (
    SELECT job, scheduled_for FROM job_runs
    WHERE started_at < $1 AND state <> 'running' ORDER BY started_at LIMIT $2)
