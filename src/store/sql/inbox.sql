-- name: inbox_probe
SELECT i.source, i.message_id, i.content_hash, i.outcome, i.topic, i.partition, i.record_offset
FROM inbox i
JOIN unnest($1::text[], $2::text[]) AS asked(source, message_id)
  ON i.source = asked.source AND i.message_id = asked.message_id

-- name: insert_inbox
INSERT INTO inbox (source, message_id, content_hash, message_type, outcome, code, topic,
    partition, record_offset, subject, processed_at, guards)
SELECT n.source, n.message_id, n.content_hash, n.message_type, n.outcome, n.code, $7::text,
    $8::integer, n.record_offset, n.subject, $11, n.guards
FROM (SELECT unnest($1::text[]) AS source, unnest($2::text[]) AS message_id,
    unnest($3::bytea[]) AS content_hash, unnest($4::text[]) AS message_type,
    unnest($5::text[]) AS outcome, unnest($6::text[]) AS code,
    unnest($9::bigint[]) AS record_offset, unnest($10::text[]) AS subject,
    unnest($12::boolean[]) AS guards) AS n

-- name: insert_repeats
INSERT INTO inbox_repeats (topic, partition, record_offset, source, message_id, outcome, code,
    seen_at)
SELECT n.*, $8 FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::text[], $5::text[],
    $6::text[], $7::text[]) AS n
ON CONFLICT (topic, partition, record_offset) DO NOTHING

-- name: inbox_states
SELECT i.source, i.message_id, i.content_hash, i.outcome
FROM inbox i
JOIN unnest($1::text[], $2::text[]) AS asked(source, message_id)
  ON i.source = asked.source AND i.message_id = asked.message_id
ORDER BY i.source, i.message_id
FOR NO KEY UPDATE OF i

-- name: inbox_update_many
UPDATE inbox i SET outcome = n.outcome, code = n.code, subject = coalesce(n.subject, i.subject)
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
    AS n(source, message_id, outcome, code, subject)
WHERE i.source = n.source AND i.message_id = n.message_id
