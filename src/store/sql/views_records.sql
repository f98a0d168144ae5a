-- name: views_records_recent
-- Records of a time, newest first. Index: inbox_processed (BRIN), which finds the time; the rows
-- of that time are sorted. $1 to $3 are the cursor of the page before.
SELECT source, message_id, message_type, outcome, code, topic, partition, record_offset,
       about(inbox) AS subject, processed_at
  FROM inbox
 WHERE processed_at >= $4
   AND processed_at <= coalesce($1::timestamptz, 'infinity')
   AND ($1::timestamptz IS NULL
        OR (processed_at, source, message_id) < ($1, $2::text, $3::text))
   AND ($5::text IS NULL OR outcome = $5)
   AND ($6::text IS NULL OR topic = $6)
   AND ($7::text IS NULL OR source = $7)
 ORDER BY processed_at DESC, source DESC, message_id DESC
 LIMIT $8

-- name: views_records_by_outcome
-- Records that were not applied, newest first. Index: inbox_not_applied.
SELECT source, message_id, message_type, outcome, code, topic, partition, record_offset,
       about(inbox) AS subject, processed_at
  FROM inbox
 WHERE outcome = $5 AND outcome <> 'applied'
   AND processed_at >= $4
   AND processed_at <= coalesce($1::timestamptz, 'infinity')
   AND ($1::timestamptz IS NULL
        OR (processed_at, source, message_id) < ($1, $2::text, $3::text))
   AND ($6::text IS NULL OR topic = $6)
   AND ($7::text IS NULL OR source = $7)
 ORDER BY processed_at DESC, source DESC, message_id DESC
 LIMIT $8

-- name: views_record_by_key
-- One record by source and id. Index: inbox_pkey.
SELECT source, message_id, message_type, outcome, code, topic, partition, record_offset,
       about(inbox) AS subject, processed_at
  FROM inbox
 WHERE source = $1 AND message_id = $2

-- name: views_records_by_id
-- Records of this id from any source. Index: inbox_pkey, once per source: the recursive part
-- jumps from one source to the next.
WITH RECURSIVE sources (source) AS (
    (SELECT source FROM inbox ORDER BY source LIMIT 1)
    UNION ALL
    SELECT (SELECT i.source FROM inbox i WHERE i.source > s.source ORDER BY i.source LIMIT 1)
      FROM sources s
     WHERE s.source IS NOT NULL
)
SELECT i.source, i.message_id, message_type, outcome, code, topic, partition, record_offset,
       about(i) AS subject, processed_at
  FROM sources s
  JOIN inbox i ON i.source = s.source AND i.message_id = $1
 WHERE s.source IS NOT NULL
 ORDER BY i.source
 LIMIT 20

-- name: views_record_by_position
-- The record at one place of the log. No index has the place: a place of a dead letter or a
-- repeat is looked up there first, so this scan is for applied records only.
SELECT source, message_id, message_type, outcome, code, topic, partition, record_offset,
       about(inbox) AS subject, processed_at
  FROM inbox
 WHERE topic = $1 AND partition = $2 AND record_offset = $3
 LIMIT 20

-- name: views_record_key_by_position
-- Source and id of a repeat or a dead letter. Indexes: inbox_repeats_pkey,
-- dead_letters_place.
SELECT source, message_id
  FROM inbox_repeats
 WHERE topic = $1 AND partition = $2 AND record_offset = $3
UNION
SELECT coalesce(source, 'kafka'),
       coalesce(message_id, format('%s:%s:%s', topic, partition, record_offset))
  FROM dead_letters
 WHERE topic = $1 AND partition = $2 AND record_offset = $3

-- name: views_records_named
-- Records that could not be read and call themselves so. $1: the source, if it is given. Index:
-- dead_letters_named_id.
SELECT coalesce(source, 'kafka') AS source,
       coalesce(message_id, format('%s:%s:%s', topic, partition, record_offset)) AS message_id
  FROM dead_letters
 WHERE named_id = $2 AND ($1::text IS NULL OR named_source = $1)
 ORDER BY dead_letter_id DESC
 LIMIT 20

-- name: views_repeats_of_record
-- Later deliveries of one record. Index: inbox_repeats_record.
SELECT topic, partition, record_offset, outcome, code, seen_at
  FROM inbox_repeats
 WHERE source = $1 AND message_id = $2
 ORDER BY seen_at, topic, partition, record_offset
 LIMIT 100

-- name: views_repeat_at
-- What became of a record that came again, by its place. Index: inbox_repeats_pkey.
SELECT outcome, code
  FROM inbox_repeats
 WHERE topic = $1 AND partition = $2 AND record_offset = $3

-- name: views_dead_letters_of_record
-- Dead letters of one record: at its own place, and at those of its repeats. Indexes:
-- inbox_repeats_record, dead_letters_place.
SELECT d.dead_letter_id, d.topic, d.partition, d.record_offset, d.code, d.message, d.attempts,
       d.source, d.message_id, d.named_source, d.named_id, d.first_failed_at, d.last_failed_at,
       d.status, d.resolved_at,
       d.resolution
  FROM (SELECT $3::text AS topic, $4::integer AS partition, $5::bigint AS record_offset
        UNION
        SELECT r.topic, r.partition, r.record_offset FROM inbox_repeats r
         WHERE r.source = $1 AND r.message_id = $2) place
  JOIN dead_letters d ON d.topic = place.topic AND d.partition = place.partition
                     AND d.record_offset = place.record_offset
                     -- A topic that was created anew has other records at the same places.
                     AND coalesce(d.source, 'kafka') = $1
                     AND coalesce(d.message_id, $2) = $2
 ORDER BY d.dead_letter_id
 LIMIT 100

-- name: views_waiting_of_record
-- What a waiting command waits for. Index: waiting_commands_source_message_id_key.
SELECT wait_key, needs, since, deadline
  FROM waiting_commands
 WHERE source = $1 AND message_id = $2

-- name: views_waiting_commands
-- Commands that wait, those of each key in their order, and what each stands behind; after the key
-- $2 and number $3.
-- Indexes: waiting_commands_key, waiting_commands_pkey.
SELECT w.source, w.message_id, i.message_type, w.wait_key, w.waiting_id, w.needs, w.since,
       w.deadline, b.source || '/' || b.message_id AS behind
  FROM waiting_commands w
  JOIN inbox i ON i.source = w.source AND i.message_id = w.message_id
  LEFT JOIN waiting_commands b ON b.waiting_id = w.behind
 WHERE i.message_type NOT LIKE 'topup.usage.%' AND ($1::text IS NULL OR w.wait_key = $1)
   AND ($2::text IS NULL OR (w.wait_key, w.waiting_id) > ($2, $3))
 ORDER BY w.wait_key, w.waiting_id
 LIMIT $4

-- name: views_payments_of_record
-- Payments that a record about an invoice may have moved. Index: allocations_invoice.
SELECT DISTINCT payment_id FROM allocations WHERE invoice_id = $1 ORDER BY payment_id LIMIT 100

-- name: views_keys_parked
-- Keys with waiting commands, the longest parked first: what the first one needs, and how many
-- stand behind it or another; how often it failed when it had its turn, and why. Indexes:
-- waiting_commands_key, dead_letters_key, failing_items_pkey.
SELECT f.wait_key AS key, f.source || '/' || f.message_id AS record, f.needs, f.since, f.deadline,
       k.behind,
       (SELECT count(*) FROM dead_letters d
         WHERE d.topic = f.topic AND md5(d.record_key) = md5(convert_to(f.wait_key, 'UTF8'))
           AND d.status = 'open') AS letters,
       coalesce(x.attempts, 0) AS attempts, x.code AS failure
  FROM (SELECT wait_key, min(waiting_id) AS first, count(behind) AS behind
          FROM waiting_commands GROUP BY wait_key) k
  JOIN waiting_commands f ON f.waiting_id = k.first
  LEFT JOIN failing_items x ON x.kind = 'command' AND x.item = f.waiting_id::text
 WHERE $1::timestamptz IS NULL OR (f.since, f.wait_key) > ($1, $2::text)
 ORDER BY f.since, f.wait_key
 LIMIT $3

-- name: views_dead_letter_groups
-- Open dead letters by code, topic and shape. Index: dead_letters_groups.
SELECT code, topic, shape, count(*) AS letters, min(first_failed_at) AS oldest,
       max(last_failed_at) AS newest
  FROM dead_letters
 WHERE status = 'open'
 GROUP BY code, topic, shape
 ORDER BY letters DESC, code, topic, shape
 LIMIT 1000

-- name: views_dead_letters_open
-- Open dead letters in the order of their ids. Index: dead_letters_open_ids.
SELECT dead_letter_id, topic, partition, record_offset, code, message, attempts, source,
       named_source, named_id, message_id,
       first_failed_at, last_failed_at, status, resolved_at, resolution
  FROM dead_letters
 WHERE status = 'open'
   AND dead_letter_id > coalesce($1::bigint, 0)
   AND ($2::text IS NULL OR code = $2)
   AND ($3::text IS NULL OR topic = $3)
   AND last_failed_at >= $4
   AND ($6::bytea IS NULL OR record_key = $6)
   AND ($7::bytea IS NULL OR position($7 IN coalesce(record_value, '')) > 0)
 ORDER BY dead_letter_id
 LIMIT $5

-- name: views_dead_letter_keys
-- Record keys of the newest open dead letters. Index: dead_letters_open_ids.
SELECT record_key
  FROM (SELECT record_key FROM dead_letters WHERE status = 'open'
         ORDER BY dead_letter_id DESC LIMIT 500) l
 WHERE record_key IS NOT NULL

-- name: views_dead_letters_list
-- Dead letters of any or one status in the order of their ids. Index: dead_letters_pkey.
SELECT dead_letter_id, topic, partition, record_offset, code, message, attempts, source,
       named_source, named_id,
       message_id, first_failed_at, last_failed_at, status, resolved_at, resolution
  FROM dead_letters
 WHERE dead_letter_id > coalesce($1::bigint, 0)
   AND ($2::text IS NULL OR code = $2)
   AND ($3::text IS NULL OR topic = $3)
   AND last_failed_at >= $4
   AND ($6::bytea IS NULL OR record_key = $6)
   AND ($7::bytea IS NULL OR position($7 IN coalesce(record_value, '')) > 0)
   AND ($8::text IS NULL OR status = $8)
 ORDER BY dead_letter_id
 LIMIT $5

-- name: views_dead_letter_show
-- One dead letter, with the record as received. Index: dead_letters_pkey.
SELECT dead_letter_id, topic, partition, record_offset, code, message, attempts, source,
       named_source, named_id,
       message_id, first_failed_at, last_failed_at, status, resolved_at, resolution,
       record_timestamp, record_key, record_value, record_headers::text AS record_headers
  FROM dead_letters
 WHERE dead_letter_id = $1

-- name: views_dead_letter_revisions
-- Revisions of one dead letter. Index: dead_letter_revisions_pkey.
SELECT revision, record_value, operator, reason, made_at
  FROM dead_letter_revisions
 WHERE dead_letter_id = $1
 ORDER BY revision
 LIMIT 100

-- name: views_dead_letter_blocks
-- What stands behind one dead letter. Indexes: dead_letters_key, waiting_commands_key.
SELECT (SELECT count(*) FROM dead_letters l
         WHERE l.topic = d.topic AND md5(l.record_key) = md5(d.record_key)
           AND l.dead_letter_id > d.dead_letter_id AND l.status = 'open') AS later_letters,
       (SELECT count(*) FROM waiting_commands w
         WHERE w.record_key = d.record_key AND w.topic = d.topic) AS waiting_commands
  FROM dead_letters d
 WHERE d.dead_letter_id = $1

-- name: views_dead_letter_acts
-- What operators did with one dead letter. Index: dead_letter_acts_letter.
SELECT act, operator, reason, outcome, code, acted_at, before::text AS before,
       after::text AS after
  FROM dead_letter_acts
 WHERE dead_letter_id = $1
 ORDER BY act_id
 LIMIT 100
