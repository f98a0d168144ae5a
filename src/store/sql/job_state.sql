-- A statement of its own: one that waits for a lock goes on with the snapshot it began with.
SELECT EXISTS (SELECT 1 FROM job_runs WHERE job = $1 AND scheduled_for = $2) AS taken,
       EXISTS (SELECT 1 FROM job_runs WHERE job = $1 AND state = 'running') AS busy
