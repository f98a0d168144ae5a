SELECT job, scheduled_for, cause, operator, as_of, state, owner, started_at, finished_at, findings,
       summary, extract(epoch FROM finished_at - started_at)::bigint AS seconds
FROM job_runs WHERE job = $1
ORDER BY started_at DESC, scheduled_for DESC LIMIT $2
