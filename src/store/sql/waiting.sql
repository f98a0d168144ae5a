-- name: insert_waiting
-- Where what it stands behind ends at this moment, it stands behind nothing.
INSERT INTO waiting_commands (wait_key, topic, partition, record_offset, source, message_id,
    needs, record_key, record_value, record_headers, record_timestamp, since, deadline, touches,
    behind)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $12, $13, $14,
    (SELECT b.waiting_id FROM waiting_commands b
      WHERE b.source = $15 AND b.message_id = $16 FOR KEY SHARE))

-- name: load_queues
-- Of these customers the last commands that wait, at most $4 each; where one of them has its turn,
-- those before it. Indexes: waiting_commands_key, waiting_commands_source_message_id_key.
SELECT q.wait_key, q.source, q.message_id, q.touches
  FROM unnest($1::text[]) AS k(wait_key)
 CROSS JOIN LATERAL (
       SELECT w.wait_key, w.waiting_id, w.source, w.message_id, w.touches
         FROM waiting_commands w
        WHERE w.wait_key = k.wait_key
          AND ($2::text IS NULL
               OR w.waiting_id < (SELECT s.waiting_id FROM waiting_commands s
                                   WHERE s.source = $2 AND s.message_id = $3))
        ORDER BY w.waiting_id DESC LIMIT $4) q
 ORDER BY q.waiting_id

-- name: load_waiting_named
-- Of these records, the commands that wait, and whose they are. Usage, and what a bank tells, is a
-- fact: nobody cancels it. Index: waiting_commands_record.
SELECT w.source, w.message_id, w.wait_key
  FROM unnest($1::text[], $2::text[]) AS n(source, message_id)
  JOIN waiting_commands w ON w.source = n.source AND w.message_id = n.message_id
  JOIN inbox i ON i.source = n.source AND i.message_id = n.message_id
 WHERE NOT i.message_type LIKE ANY (ARRAY['topup.usage.%', 'topup.bank.%', 'topup.remittance.%'])

-- name: waiting_lock_key
SELECT pg_try_advisory_xact_lock(hashtextextended('waiting:' || $1, 0))

-- name: waiting_key_of
SELECT wait_key FROM waiting_commands WHERE waiting_id = $1

-- name: waiting_by_id
-- One that stands behind no other.
SELECT waiting_id, topic, partition, record_offset, record_timestamp, record_key, record_value,
       record_headers::text AS record_headers, source, message_id, needs, since, deadline
  FROM waiting_commands WHERE waiting_id = $1 AND behind IS NULL

-- name: waiting_page
-- Of the commands behind $5 and $6, up to $7 and $8 and at most $4 of them, that stand behind no
-- other: those that may go on or are at their deadline and never failed, and the last that was
-- looked at. Each look-up is a subquery with a LIMIT: that can only be done by index, however many
-- there are. Index: waiting_commands_turn.
WITH page AS (
    SELECT p.*, row_number() OVER (ORDER BY p.wait_key, p.waiting_id) AS place
      FROM (SELECT wait_key, waiting_id, needs, deadline, since
              FROM waiting_commands
             WHERE behind IS NULL AND (wait_key, waiting_id) > ($5, $6)
               AND ($7::text IS NULL OR (wait_key, waiting_id) <= ($7, $8))
             ORDER BY wait_key, waiting_id LIMIT $4) p)
SELECT w.wait_key, w.waiting_id, w.place, d.due, w.since
  FROM page w
 CROSS JOIN LATERAL (
    SELECT (SELECT true FROM failing_items f
             WHERE f.kind = 'command' AND f.item = w.waiting_id::text LIMIT 1) IS NULL
       AND (w.deadline <= $1 OR coalesce(CASE
           WHEN w.needs = 'version' OR w.needs LIKE 'behind:%' THEN true
           -- Usage is known up to the instant that its proof needs, in microseconds.
           WHEN w.needs LIKE 'proof:%' THEN substr(w.needs, 7)::bigint <= $3
           WHEN w.needs LIKE 'invoice:%' THEN
               (SELECT true FROM invoices i WHERE i.invoice_id = substr(w.needs, 9) LIMIT 1)
           WHEN w.needs LIKE 'payment:%' THEN
               (SELECT true FROM payments p WHERE p.payment_id = substr(w.needs, 9) LIMIT 1)
           WHEN w.needs LIKE 'usage:%' THEN
               (SELECT true FROM usage_ids u
                 WHERE u.account_id = split_part(substr(w.needs, 7), '/', 1)
                   AND u.usage_id = key_whole(split_part(w.needs, '/', 2)) LIMIT 1)
           WHEN w.needs LIKE 'hold:%' THEN
               (SELECT true FROM holds h
                 WHERE h.account_id = split_part(substr(w.needs, 6), '/', 1)
                   AND h.hold_id = key_whole(split_part(w.needs, '/', 2)) LIMIT 1)
           END, false)) AS due OFFSET 0) d
 WHERE d.due OR w.place = $4
 ORDER BY w.place LIMIT $2

-- name: waiting_again
-- Commands that failed and are to be tried again, the longest untried first.
SELECT w.wait_key, w.waiting_id
FROM failing_items f
JOIN waiting_commands w ON w.waiting_id = f.item::bigint
WHERE f.kind = 'command' AND next_try(f.tried_at, f.attempts, f.code) <= $1
ORDER BY f.tried_at, w.waiting_id LIMIT $2

-- name: waiting_freed
-- The first command of a key, behind $2 and before $3, that stood behind another one and stands
-- behind none now, and did not fail. Index: waiting_commands_freed.
SELECT waiting_id, topic, partition, record_offset, record_timestamp, record_key, record_value,
       record_headers::text AS record_headers, source, message_id, needs, since, deadline
  FROM (SELECT * FROM waiting_commands
         WHERE wait_key = $1 AND waiting_id > $2 AND ($3::bigint IS NULL OR waiting_id < $3)
           AND behind IS NULL AND (touches = '{*}' OR needs LIKE 'behind:%')
         ORDER BY waiting_id LIMIT 100) w
 WHERE (SELECT true FROM failing_items f
         WHERE f.kind = 'command' AND f.item = w.waiting_id::text LIMIT 1) IS NULL
 ORDER BY waiting_id LIMIT 1

-- name: waiting_set_needs
-- Where what it stands behind ends at this moment, it stands behind nothing. $6: until when it
-- waits, if it has its turn now.
UPDATE waiting_commands w SET needs = $2, touches = $3, deadline = greatest(w.deadline, $6),
       behind = (SELECT b.waiting_id FROM waiting_commands b
                  WHERE b.source = $4 AND b.message_id = $5 FOR KEY SHARE)
 WHERE w.waiting_id = $1

-- name: waiting_end
WITH tried AS (
    DELETE FROM failing_items
     WHERE kind = 'command' AND item = ANY(SELECT unnest($1::bigint[])::text)
)
DELETE FROM waiting_commands WHERE waiting_id = ANY($1::bigint[])

-- name: waiting_cancel
-- Ends the waiting of records that were cancelled.
DELETE FROM waiting_commands w
 USING unnest($1::text[], $2::text[]) AS n(source, message_id)
 WHERE w.source = n.source AND w.message_id = n.message_id
