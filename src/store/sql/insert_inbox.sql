INSERT INTO inbox (source, message_id, content_hash, message_type, outcome, code, topic,
    partition, record_offset, subject, processed_at)
SELECT n.*, $11 FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::text[],
    $6::text[], $7::text[], $8::integer[], $9::bigint[], $10::text[]) AS n
ON CONFLICT (source, message_id) DO NOTHING
