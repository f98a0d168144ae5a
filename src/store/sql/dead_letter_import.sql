-- A letter from outside. No copy goes to Kafka: there it came from, or another tool has it.
INSERT INTO dead_letters (topic, partition, record_offset, record_timestamp, record_key,
    record_value, record_headers, source, message_id, code, message, first_failed_at,
    last_failed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8, $9, $10, $11, $12, $12)
ON CONFLICT (topic, partition, record_offset, md5(coalesce(record_value, ''))) DO NOTHING
RETURNING dead_letter_id
