UPDATE job_runs SET state = $4, findings = $5, summary = $6, finished_at = $7, progress = NULL
WHERE job = $1 AND scheduled_for = $2 AND epoch = $3 AND state = 'running'
