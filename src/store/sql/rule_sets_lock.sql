SELECT pg_advisory_xact_lock(hashtextextended('topup:rule_sets', 0))
