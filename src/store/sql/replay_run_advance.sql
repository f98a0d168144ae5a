UPDATE replay_runs SET cursor = $3, looked_at = looked_at + $4, failed = failed + $5,
       updated_at = $6
WHERE run_id = $1 AND epoch = $2 AND state = 'running'
