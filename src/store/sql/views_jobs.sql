SELECT j.job, j.paused_at, j.paused_by, j.pause_reason, r.scheduled_for, r.cause, r.operator,
       r.as_of, r.state, r.owner, r.started_at, r.finished_at, r.findings, r.summary,
       extract(epoch FROM r.finished_at - r.started_at)::bigint AS seconds
FROM jobs j
LEFT JOIN LATERAL (SELECT * FROM job_runs r WHERE r.job = j.job
                    ORDER BY r.started_at DESC, r.scheduled_for DESC LIMIT 1) r ON true
ORDER BY j.job
