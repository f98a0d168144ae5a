-- Claims of one job come one after the other.
SELECT paused_at IS NOT NULL AS paused,
       EXISTS (SELECT 1 FROM job_runs r WHERE r.job = j.job AND r.scheduled_for = $2) AS taken,
       EXISTS (SELECT 1 FROM job_runs r WHERE r.job = j.job AND r.state = 'running') AS busy
FROM jobs j WHERE j.job = $1 FOR NO KEY UPDATE
