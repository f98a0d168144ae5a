-- name: inbox_probe
SELECT i.source, i.message_id, i.content_hash, i.outcome, i.topic, i.partition, i.record_offset
FROM inbox i
JOIN unnest($1::text[], $2::text[]) AS asked(source, message_id)
  ON i.source = asked.source AND i.message_id = asked.message_id

-- name: insert_inbox
-- What they have in common is said before their first one, which another transaction may do at
-- this moment.
WITH n AS (
    SELECT unnest($1::text[]) AS source, unnest($2::text[]) AS message_id,
           unnest($3::bytea[]) AS content_hash, unnest($4::text[]) AS message_type,
           unnest($5::text[]) AS outcome, unnest($6::text[]) AS code,
           unnest($9::bigint[]) AS record_offset, unnest($10::text[]) AS subject,
           unnest($12::boolean[]) AS guards
), known AS (
    SELECT kind_id, message_type FROM inbox_kinds
     WHERE topic = $7::text AND partition = $8::integer
), made AS (
    INSERT INTO inbox_kinds AS k (topic, partition, message_type)
    SELECT $7, $8, t.message_type
      FROM (SELECT DISTINCT message_type FROM n) t
     WHERE NOT EXISTS (SELECT FROM known WHERE known.message_type = t.message_type)
     ORDER BY t.message_type
    ON CONFLICT (topic, partition, message_type) DO UPDATE SET topic = EXCLUDED.topic
    RETURNING k.kind_id, k.message_type
)
INSERT INTO inbox_records (source, message_id, content_hash, kind_id, outcome, code,
    record_offset, subject, processed_at, guards)
SELECT n.source, n.message_id, n.content_hash, k.kind_id, n.outcome, n.code, n.record_offset,
       n.subject, $11, n.guards
  FROM n
  LEFT JOIN (SELECT kind_id, message_type FROM known UNION ALL
             SELECT kind_id, message_type FROM made) k ON k.message_type = n.message_type

-- name: insert_repeats
INSERT INTO inbox_repeats (topic, partition, record_offset, source, message_id, outcome, code,
    seen_at)
SELECT n.*, $8 FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::text[], $5::text[],
    $6::text[], $7::text[]) AS n
ON CONFLICT (topic, partition, record_offset) DO NOTHING

-- name: inbox_states
SELECT i.source, i.message_id, i.content_hash, i.outcome
FROM inbox_records i
JOIN unnest($1::text[], $2::text[]) AS asked(source, message_id)
  ON i.source = asked.source AND i.message_id = asked.message_id
ORDER BY i.source, i.message_id
FOR NO KEY UPDATE OF i

-- name: inbox_update_many
UPDATE inbox_records i
   SET outcome = n.outcome, code = n.code, subject = coalesce(n.subject, i.subject)
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
    AS n(source, message_id, outcome, code, subject)
WHERE i.source = n.source AND i.message_id = n.message_id
