SELECT drift_id, kind, key_kind, record_key, subject, currency FROM drifts
WHERE cleared_at IS NULL ORDER BY drift_id FOR UPDATE
