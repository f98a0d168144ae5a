SELECT job, scheduled_for, cause, operator, as_of, state, owner, started_at, finished_at, findings,
       summary, extract(epoch FROM finished_at - started_at)::bigint AS seconds
FROM job_runs
WHERE job = $1
  AND ($2::timestamptz IS NULL OR (started_at, scheduled_for) < ($2, $3::timestamptz))
ORDER BY started_at DESC, scheduled_for DESC LIMIT $4
