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
-- The next events, as many as fit into so many bytes, and one row at least.
SELECT n.outbox_id, n.key_kind, n.record_key, n.first_sequence, n.events, n.form, n.payload,
       h.record_key IS NOT NULL AS behind
FROM (SELECT o.*, sum(octet_length(o.payload)) OVER (ORDER BY o.outbox_id)
             - octet_length(o.payload) AS before
      FROM outbox_next($1) o) n
LEFT JOIN relay_holds h ON h.key_kind = n.key_kind AND h.record_key = n.record_key
WHERE n.before < $2
ORDER BY n.outbox_id

-- name: outbox_pass
-- Ids that lie side by side become one range.
UPDATE relay_progress
SET passed = passed + (SELECT coalesce(range_agg(int8range(id, id, '[]')), '{}')
                       FROM unnest($1::bigint[]) AS id)

-- name: outbox_noted
-- The last id that was given out, and which run of which server says so: after a crash a server may
-- give ids out again, and another server knows nothing of who wrote here.
SELECT coalesce(pg_sequence_last_value('outbox_outbox_id_seq'), 0) AS last, p.horizon,
       concat_ws(' ', pg_postmaster_start_time(), (SELECT stats_reset FROM pg_stat_wal), d.oid,
                 'outbox'::regclass::oid) AS server
FROM relay_progress p, pg_database d WHERE d.datname = current_database()

-- name: outbox_writers
-- Transactions that may still commit rows: an id is given out under this lock, which is held until
-- what it protects is visible to all. One that was prepared has another name here than before.
SELECT l.virtualtransaction, l.pid IS NULL AS prepared
FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
WHERE l.locktype = 'relation' AND l.relation = 'outbox'::regclass
  AND l.mode = 'RowExclusiveLock' AND l.granted

-- name: outbox_advance
-- Nothing up to the new horizon is left, and nothing there can still commit.
UPDATE relay_progress
SET horizon = $1, passed = passed - int8multirange(int8range(NULL, $1, '[]'))
WHERE horizon < $1 AND NOT EXISTS (SELECT FROM outbox_next(1) o WHERE o.outbox_id <= $1)

-- name: letter_copies_next
-- The next copies of dead letters behind $3, as many as fit into so many bytes, and one at least.
-- Index: letter_copies_waiting.
SELECT n.copy_id, d.dead_letter_id, d.topic, d.partition, d.record_offset, d.record_timestamp,
       d.record_key, d.record_value, d.record_headers::text AS record_headers, d.source,
       d.message_id, d.code, d.message, d.attempts, d.first_failed_at, d.last_failed_at, d.status,
       d.forgotten_at IS NOT NULL AS forgotten, 0 AS revision, '' AS order_key
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
-- The first events of held keys that are due. Indexes: relay_holds_due, outbox_gapless.
SELECT n.outbox_id, n.key_kind, n.record_key, n.first_sequence, n.events, n.form, n.payload,
       false AS behind
FROM (SELECT o.outbox_id, h.key_kind, h.record_key, o.first_sequence, o.events, o.form, o.payload,
             sum(octet_length(o.payload)) OVER (ORDER BY h.next_try, h.key_kind, h.record_key,
                                                         o.first_sequence)
             - octet_length(o.payload) AS before
      FROM relay_progress p
      CROSS JOIN LATERAL (
            SELECT key_kind, record_key, from_sequence, next_try FROM relay_holds
            WHERE next_try <= clock_timestamp() ORDER BY next_try LIMIT $1) h
      CROSS JOIN LATERAL (
            SELECT * FROM outbox
            WHERE key_kind = h.key_kind AND record_key = h.record_key
              AND first_sequence >= h.from_sequence
              AND (outbox_id <= p.horizon OR outbox_id <@ p.passed)
            ORDER BY first_sequence LIMIT 100) o
      WHERE p.only_row) n
WHERE n.before < $2
ORDER BY n.outbox_id

-- name: relay_holds_lock
SELECT h.record_key FROM relay_holds h
JOIN unnest($1::text[], $2::text[]) AS n(key_kind, record_key)
  ON n.key_kind = h.key_kind AND n.record_key = h.record_key
ORDER BY h.key_kind, h.record_key
FOR UPDATE OF h

-- name: relay_holds_add
-- A key that is held already is touched, so that nobody releases it meanwhile.
INSERT INTO relay_holds AS h (key_kind, record_key, code, from_sequence, attempts, since, tried_at,
                              next_try)
SELECT n.key_kind, n.record_key, n.code, n.from_sequence, 1, now(), now(),
       clock_timestamp() + interval '1 second'
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
     AS n(key_kind, record_key, code, from_sequence)
ORDER BY n.key_kind, n.record_key
ON CONFLICT (key_kind, record_key) DO UPDATE SET code = h.code

-- name: relay_holds_advance
-- What is before was published.
UPDATE relay_holds h SET from_sequence = n.from_sequence
FROM unnest($1::text[], $2::text[], $3::bigint[]) AS n(key_kind, record_key, from_sequence)
WHERE h.key_kind = n.key_kind AND h.record_key = n.record_key

-- name: relay_holds_failed
-- Tried again after 2, 4, 8 … seconds, a minute at the most.
UPDATE relay_holds h
SET code = n.code, attempts = h.attempts + 1, tried_at = clock_timestamp(),
    next_try = clock_timestamp() + least(power(2, least(h.attempts, 10)), 60) * interval '1 second'
FROM unnest($1::text[], $2::text[], $3::text[]) AS n(key_kind, record_key, code)
WHERE h.key_kind = n.key_kind AND h.record_key = n.record_key

-- name: relay_holds_end
-- Keys of which nothing is held any more. Index: outbox_gapless.
DELETE FROM relay_holds h
USING unnest($1::text[], $2::text[]) AS n(key_kind, record_key)
WHERE h.key_kind = n.key_kind AND h.record_key = n.record_key
  AND NOT EXISTS (SELECT FROM outbox_held o
                  WHERE o.key_kind = n.key_kind AND o.record_key = n.record_key)
