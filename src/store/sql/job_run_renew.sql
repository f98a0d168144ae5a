UPDATE job_runs SET lease_until = $4, progress = coalesce($5, progress)
WHERE job = $1 AND scheduled_for = $2 AND epoch = $3 AND state = 'running'
