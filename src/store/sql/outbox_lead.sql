SELECT pg_try_advisory_xact_lock(hashtextextended('topup:relay', 0))
