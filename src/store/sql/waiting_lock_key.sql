SELECT pg_try_advisory_xact_lock(hashtextextended('waiting:' || $1, 0))
