SELECT greatest(j.known_since, (SELECT max(r.scheduled_for) FROM job_runs r
                                 WHERE r.job = j.job AND r.cause <> 'operator'))
FROM jobs j WHERE j.job = $1
