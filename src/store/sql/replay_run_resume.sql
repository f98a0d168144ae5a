UPDATE replay_runs SET state = 'running', epoch = epoch + 1, updated_at = $2
WHERE run_id = $1 AND state <> 'done' AND (state <> 'running' OR updated_at < $3)
RETURNING selection::text, reason, last_letter, cursor, looked_at, epoch
