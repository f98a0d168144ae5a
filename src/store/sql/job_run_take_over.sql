-- A run whose lease ended; somebody else may be taking another one at this moment.
UPDATE job_runs r SET epoch = r.epoch + 1, owner = $2, lease_until = $3
FROM (SELECT job, scheduled_for FROM job_runs
       WHERE state = 'running' AND lease_until <= $1
       ORDER BY job, scheduled_for LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) due
WHERE r.job = due.job AND r.scheduled_for = due.scheduled_for
RETURNING r.job, r.scheduled_for, r.as_of, r.epoch, r.progress
