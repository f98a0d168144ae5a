INSERT INTO inbox (source, message_id, content_hash, message_type, outcome, code, topic,
    partition, record_offset, subject, processed_at, guards)
SELECT n.source, n.message_id, n.content_hash, n.message_type, n.outcome, n.code, $7::text,
    $8::integer, n.record_offset, n.subject, $11, n.guards
FROM (SELECT unnest($1::text[]) AS source, unnest($2::text[]) AS message_id,
    unnest($3::bytea[]) AS content_hash, unnest($4::text[]) AS message_type,
    unnest($5::text[]) AS outcome, unnest($6::text[]) AS code,
    unnest($9::bigint[]) AS record_offset, unnest($10::text[]) AS subject,
    unnest($12::boolean[]) AS guards) AS n
