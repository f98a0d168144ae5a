SELECT max(coalesce(cleared_at, opened_at)) FROM drifts
