WITH letters AS (
    INSERT INTO dead_letters AS d (topic, partition, record_offset, record_timestamp, record_key,
        record_value, record_headers, source, message_id, code, message, named_source,
        named_id, first_failed_at, last_failed_at)
    SELECT n.topic, n.partition, n.record_offset, n.record_timestamp, n.record_key,
        n.record_value, n.headers::jsonb, n.source, n.message_id, n.code, n.message, n.named_source,
        n.named_id, $12, $12
    FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::timestamptz[], $5::bytea[],
        $6::bytea[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[],
        $13::text[], $14::text[])
        AS n(topic, partition, record_offset, record_timestamp, record_key, record_value,
             headers, source, message_id, code, message, named_source, named_id)
    ON CONFLICT (topic, partition, record_offset, md5(coalesce(record_value, ''))) DO UPDATE
    SET attempts = d.attempts + 1, last_failed_at = EXCLUDED.last_failed_at,
        code = EXCLUDED.code, message = EXCLUDED.message
    RETURNING dead_letter_id, record_key
)
INSERT INTO outbox (topic, key_kind, record_key, events, dead_letter_id, created_at)
SELECT 'dead-letters', 'record', encode(record_key, 'hex'), 1, dead_letter_id, $12 FROM letters
