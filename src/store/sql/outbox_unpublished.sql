SELECT o.outbox_id, o.record_key AS outbox_key, o.payload, d.dead_letter_id, d.topic, d.partition,
       d.record_offset, d.record_timestamp, d.record_key, d.record_value,
       d.record_headers::text AS record_headers, d.source, d.message_id, d.code, d.message,
       d.attempts, d.first_failed_at, d.last_failed_at, d.status, 0 AS revision,
       '' AS order_key
FROM (SELECT * FROM outbox WHERE published_at IS NULL ORDER BY outbox_id LIMIT $1) o
LEFT JOIN dead_letters d ON d.dead_letter_id = o.dead_letter_id
ORDER BY o.outbox_id
