SELECT pg_advisory_xact_lock(hashtextextended('waiting:' || $1, 0))
