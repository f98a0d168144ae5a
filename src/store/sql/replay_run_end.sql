UPDATE replay_runs SET state = $3, updated_at = $4
WHERE run_id = $1 AND epoch = $2 AND state = 'running'
