UPDATE drifts SET cleared_at = $2 WHERE drift_id = ANY($1::bigint[]) AND cleared_at IS NULL
