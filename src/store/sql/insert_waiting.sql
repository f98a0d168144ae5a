INSERT INTO waiting_commands (wait_key, topic, partition, record_offset, source, message_id,
    needs, record_key, record_value, record_headers, record_timestamp, since, deadline)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $12, $13)
