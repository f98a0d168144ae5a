-- Where what it stands behind ends at this moment, it stands behind nothing.
INSERT INTO waiting_commands (wait_key, topic, partition, record_offset, source, message_id,
    needs, record_key, record_value, record_headers, record_timestamp, since, deadline, touches,
    behind)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $12, $13, $14,
    (SELECT b.waiting_id FROM waiting_commands b
      WHERE b.source = $15 AND b.message_id = $16 FOR KEY SHARE))
