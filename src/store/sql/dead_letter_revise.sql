INSERT INTO dead_letter_revisions (dead_letter_id, revision, record_key, record_value,
    record_headers, operator, reason, made_at)
VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8)
