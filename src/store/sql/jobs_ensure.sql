INSERT INTO jobs (job, known_since) SELECT job, $2 FROM unnest($1::text[]) AS job
ON CONFLICT (job) DO NOTHING
