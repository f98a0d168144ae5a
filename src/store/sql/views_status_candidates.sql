SELECT count(*) FROM void_candidates WHERE cleared_at IS NULL
