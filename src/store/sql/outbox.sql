-- name: insert_outbox
INSERT INTO outbox (key_kind, record_key, first_sequence, events, form, payload, created_at)
SELECT n.key_kind, n.record_key, n.first_sequence, n.events, n.form, n.payload, $7
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::smallint[], $5::smallint[], $6::bytea[])
     WITH ORDINALITY AS n(key_kind, record_key, first_sequence, events, form, payload, position)
ORDER BY n.position

-- name: insert_letter_copies
-- In the order of the array.
INSERT INTO letter_copies (dead_letter_id, created_at)
SELECT n.id, $2 FROM unnest($1::bigint[]) WITH ORDINALITY AS n(id, position) ORDER BY n.position

-- name: outbox_lead
SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))

-- name: outbox_events
-- The next events, as many as fit into so many bytes, and one row at least. Index: outbox_ready.
SELECT n.outbox_id, n.key_kind, n.record_key, n.form, n.payload, h.record_key IS NOT NULL AS behind
FROM (SELECT o.outbox_id, o.key_kind, o.record_key, o.form, o.payload,
             sum(octet_length(o.payload)) OVER (ORDER BY o.outbox_id)
             - octet_length(o.payload) AS before
      FROM (SELECT outbox_id, key_kind, record_key, form, payload FROM outbox
            WHERE published_at IS NULL AND NOT held
            ORDER BY outbox_id LIMIT $1) o) n
LEFT JOIN relay_holds h ON h.key_kind = n.key_kind AND h.record_key = n.record_key
WHERE n.before < $2
ORDER BY n.outbox_id

-- name: letter_copies_next
-- The next copies of dead letters behind $3, as many as fit into so many bytes, and one at least.
-- Index: letter_copies_waiting.
SELECT n.copy_id, d.dead_letter_id, d.topic, d.partition, d.record_offset, d.record_timestamp,
       d.record_key, d.record_value, d.record_headers::text AS record_headers, d.source,
       d.message_id, d.code, d.message, d.attempts, d.first_failed_at, d.last_failed_at, d.status,
       0 AS revision, '' AS order_key
FROM (SELECT s.copy_id, s.dead_letter_id,
             sum(s.size) OVER (ORDER BY s.copy_id) - s.size AS before
      FROM (SELECT c.copy_id, c.dead_letter_id,
                   coalesce(octet_length(l.record_key), 0)
                   + coalesce(octet_length(l.record_value), 0)
                   + octet_length(l.record_headers::text) AS size
            FROM (SELECT copy_id, dead_letter_id FROM letter_copies
                  WHERE published_at IS NULL AND copy_id > $3
                  ORDER BY copy_id LIMIT $1) c
            JOIN dead_letters l ON l.dead_letter_id = c.dead_letter_id) s) n
JOIN dead_letters d ON d.dead_letter_id = n.dead_letter_id
WHERE n.before < $2
ORDER BY n.copy_id

-- name: letter_copies_mark
UPDATE letter_copies SET published_at = $2 WHERE copy_id = ANY($1::bigint[])

-- name: outbox_held_due
-- The first events of held keys that are due. Indexes: relay_holds_due, outbox_held.
SELECT n.outbox_id, n.key_kind, n.record_key, n.form, n.payload, false AS behind
FROM (SELECT o.outbox_id, h.key_kind, h.record_key, o.form, o.payload,
             sum(octet_length(o.payload)) OVER (ORDER BY h.next_try, h.key_kind, h.record_key,
                                                         o.outbox_id)
             - octet_length(o.payload) AS before
      FROM (SELECT key_kind, record_key, next_try FROM relay_holds
            WHERE next_try <= clock_timestamp() ORDER BY next_try LIMIT $1) h
      CROSS JOIN LATERAL (
            SELECT outbox_id, form, payload FROM outbox
            WHERE held AND published_at IS NULL AND key_kind = h.key_kind
              AND record_key = h.record_key
            ORDER BY outbox_id LIMIT 100) o) n
WHERE n.before < $2
ORDER BY n.outbox_id

-- name: outbox_mark
UPDATE outbox SET published_at = $2, held = false WHERE outbox_id = ANY($1::bigint[])

-- name: outbox_hold
UPDATE outbox SET held = true WHERE outbox_id = ANY($1::bigint[])

-- name: relay_holds_lock
SELECT h.record_key FROM relay_holds h
JOIN unnest($1::text[], $2::text[]) AS n(key_kind, record_key)
  ON n.key_kind = h.key_kind AND n.record_key = h.record_key
ORDER BY h.key_kind, h.record_key
FOR UPDATE OF h

-- name: relay_holds_add
-- A key that is held already is touched, so that nobody releases it meanwhile.
INSERT INTO relay_holds AS h (key_kind, record_key, code, attempts, since, tried_at, next_try)
SELECT n.key_kind, n.record_key, n.code, 1, now(), now(), clock_timestamp() + interval '1 second'
FROM unnest($1::text[], $2::text[], $3::text[]) AS n(key_kind, record_key, code)
ORDER BY n.key_kind, n.record_key
ON CONFLICT (key_kind, record_key) DO UPDATE SET code = h.code

-- name: relay_holds_failed
-- Tried again after 2, 4, 8 … seconds, a minute at the most.
UPDATE relay_holds h
SET code = n.code, attempts = h.attempts + 1, tried_at = clock_timestamp(),
    next_try = clock_timestamp() + least(power(2, least(h.attempts, 10)), 60) * interval '1 second'
FROM unnest($1::text[], $2::text[], $3::text[]) AS n(key_kind, record_key, code)
WHERE h.key_kind = n.key_kind AND h.record_key = n.record_key

-- name: relay_holds_end
-- Keys of which nothing is held any more. Index: outbox_held.
DELETE FROM relay_holds h
USING unnest($1::text[], $2::text[]) AS n(key_kind, record_key)
WHERE h.key_kind = n.key_kind AND h.record_key = n.record_key
  AND NOT EXISTS (SELECT 1 FROM outbox o
                  WHERE o.held AND o.published_at IS NULL AND o.key_kind = h.key_kind
                    AND o.record_key = h.record_key)
