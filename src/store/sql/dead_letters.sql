-- name: insert_dead_letters
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
RETURNING dead_letter_id

-- name: dead_letters_lock
-- In the order of their ids: two operators at the same letters wait, and never for each other.
SELECT d.dead_letter_id, d.topic, d.partition, d.record_offset, d.record_timestamp,
       CASE WHEN r.revision IS NULL THEN d.record_key ELSE r.record_key END AS record_key,
       CASE WHEN r.revision IS NULL THEN d.record_value ELSE r.record_value END AS record_value,
       coalesce(r.record_headers, d.record_headers)::text AS record_headers,
       d.source, d.message_id, d.code, d.message, d.attempts, d.first_failed_at,
       d.last_failed_at, d.status, d.forgotten_at IS NOT NULL AS forgotten,
       coalesce(r.revision, 0) AS revision,
       d.topic || ':' || coalesce(encode(d.record_key, 'hex'), '#' || d.dead_letter_id) AS order_key
FROM dead_letters d
LEFT JOIN LATERAL (SELECT * FROM dead_letter_revisions v
                   WHERE v.dead_letter_id = d.dead_letter_id
                   ORDER BY v.revision DESC LIMIT 1) r ON true
WHERE d.dead_letter_id = ANY($1::bigint[])
ORDER BY d.dead_letter_id
FOR NO KEY UPDATE OF d

-- name: dead_letters_act
-- One row for each letter acted on, in the order of the arrays; `before` is what the row says now;
-- an import made the row, so there was nothing before.
INSERT INTO dead_letter_acts (dead_letter_id, act, operator, reason, outcome, code, acted_at,
    run_id, before, after)
SELECT n.id, $2, $3, $4, n.outcome, n.code, $5, $6,
       CASE WHEN $2 <> 'import' THEN
           jsonb_build_object('status', d.status, 'code', d.code, 'attempts', d.attempts,
                              'revision', n.revision_before) END,
       jsonb_build_object('status', n.status, 'code', coalesce(n.code, d.code),
                          'attempts', d.attempts + CASE $2 WHEN 'replay' THEN 1 ELSE 0 END,
                          'revision', n.revision)
FROM unnest($1::bigint[], $7::text[], $8::text[], $9::text[], $10::integer[], $11::integer[])
    AS n(id, outcome, code, status, revision_before, revision)
JOIN dead_letters d ON d.dead_letter_id = n.id
ORDER BY n.id

-- name: dead_letters_last
SELECT coalesce(max(dead_letter_id), 0) FROM dead_letters

-- name: dead_letters_tried
-- A replay counts as an attempt, and closes what it resolves. What fails otherwise than before has
-- the new code; its words are those of the code.
UPDATE dead_letters d
SET attempts = d.attempts + 1, last_failed_at = $4,
    code = coalesce(n.code, d.code),
    message = CASE WHEN n.code <> d.code THEN coalesce(n.message, d.message) ELSE d.message END,
    status = CASE WHEN n.resolves THEN 'replayed' ELSE d.status END,
    resolution = CASE WHEN n.resolves THEN n.resolution ELSE d.resolution END,
    resolved_at = CASE WHEN n.resolves THEN $4 ELSE d.resolved_at END
FROM unnest($1::bigint[], $2::boolean[], $3::text[], $5::text[], $6::text[])
     AS n(id, resolves, resolution, code, message)
WHERE d.dead_letter_id = n.id AND d.status = 'open'

-- name: dead_letters_count
SELECT count(*)
FROM dead_letters
WHERE status = 'open'
  AND ($1::bigint[] IS NULL OR dead_letter_id = ANY($1))
  AND ($2::text IS NULL OR code = $2)
  AND ($3::text IS NULL OR topic = $3)
  AND ($4::timestamptz IS NULL OR last_failed_at >= $4)
  AND ($5::timestamptz IS NULL OR last_failed_at < $5)
  AND ($6::bytea IS NULL OR record_key = $6)
  AND ($7::bytea IS NULL OR position($7 IN coalesce(record_value, '')) > 0)
  AND dead_letter_id > $8 AND dead_letter_id <= $9

-- name: dead_letters_meant
-- What a selection means: open letters, those among them of the topic $8, and letters that fit but
-- are replayed or discarded already.
SELECT count(*) FILTER (WHERE status = 'open') AS open,
       count(*) FILTER (WHERE status = 'open' AND topic = $8) AS facts,
       count(*) FILTER (WHERE status <> 'open') AS resolved
FROM dead_letters
WHERE ($1::bigint[] IS NULL OR dead_letter_id = ANY($1))
  AND ($2::text IS NULL OR code = $2)
  AND ($3::text IS NULL OR topic = $3)
  AND ($4::timestamptz IS NULL OR last_failed_at >= $4)
  AND ($5::timestamptz IS NULL OR last_failed_at < $5)
  AND ($6::bytea IS NULL OR record_key = $6)
  AND ($7::bytea IS NULL OR position($7 IN coalesce(record_value, '')) > 0)

-- name: dead_letter_select
-- Open letters of a selection behind a cursor, oldest first. Index: dead_letters_open_ids.
SELECT dead_letter_id
FROM dead_letters
WHERE status = 'open'
  AND ($1::bigint[] IS NULL OR dead_letter_id = ANY($1))
  AND ($2::text IS NULL OR code = $2)
  AND ($3::text IS NULL OR topic = $3)
  AND ($4::timestamptz IS NULL OR last_failed_at >= $4)
  AND ($5::timestamptz IS NULL OR last_failed_at < $5)
  AND ($7::bytea IS NULL OR record_key = $7)
  AND ($8::bytea IS NULL OR position($8 IN coalesce(record_value, '')) > 0)
  AND dead_letter_id > $9 AND dead_letter_id <= $10
ORDER BY dead_letter_id LIMIT $6

-- name: dead_letters_given_up
-- Letters that were given up, by where they are filed: of a record at the place of its first
-- delivery, of a conflict at its own place and with its own bytes. Index: dead_letters_place.
SELECT n.ordinal, d.dead_letter_id
FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::text[], $5::text[], $6::bytea[])
    WITH ORDINALITY AS n(topic, partition, record_offset, source, message_id, bytes, ordinal)
JOIN dead_letters d ON d.topic = n.topic AND d.partition = n.partition
                   AND d.record_offset = n.record_offset
WHERE d.status = 'discarded'
  AND coalesce(d.source, 'kafka') = n.source
  AND coalesce(d.message_id, n.message_id) = n.message_id
  AND (n.bytes IS NULL) = (d.code <> 'conflict')
  AND (n.bytes IS NULL OR d.forgotten_at IS NOT NULL
       OR md5(coalesce(d.record_value, '')) = md5(n.bytes))
ORDER BY n.ordinal, d.dead_letter_id

-- name: dead_letter_restore
-- The bytes of a letter that was forgotten, as its record brought them again.
UPDATE dead_letters SET record_value = $2, record_headers = $3::jsonb, forgotten_at = NULL
WHERE dead_letter_id = $1 AND forgotten_at IS NOT NULL

-- name: dead_letter_reopen
-- A letter that was given up is open again; $2: when its record came again.
UPDATE dead_letters
SET status = 'open', resolved_at = NULL, resolution = NULL,
    last_failed_at = coalesce($2, last_failed_at)
WHERE dead_letter_id = $1 AND status = 'discarded'

-- name: dead_letter_revise
INSERT INTO dead_letter_revisions (dead_letter_id, revision, record_key, record_value,
    record_headers, operator, reason, made_at)
VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8)

-- name: dead_letter_discard
UPDATE dead_letters SET status = 'discarded', resolution = $2, resolved_at = $3
WHERE dead_letter_id = $1 AND status = 'open'

-- name: dead_letter_import
-- A letter from outside. No copy goes to Kafka: there it came from, or another tool has it.
INSERT INTO dead_letters (topic, partition, record_offset, record_timestamp, record_key,
    record_value, record_headers, source, message_id, code, message, first_failed_at,
    last_failed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8, $9, $10, $11, $12, $12)
ON CONFLICT (topic, partition, record_offset, md5(coalesce(record_value, ''))) DO NOTHING
RETURNING dead_letter_id

-- name: replay_run_start
INSERT INTO replay_runs (selection, operator, reason, last_letter, started_at, updated_at)
VALUES ($1::jsonb, $2, $3, $4, $5, $5)
RETURNING run_id

-- name: replay_run_resume
UPDATE replay_runs SET state = 'running', epoch = epoch + 1, updated_at = $2
WHERE run_id = $1 AND state <> 'done' AND (state <> 'running' OR updated_at < $3)
RETURNING selection::text, reason, last_letter, cursor, looked_at, epoch

-- name: replay_run_advance
UPDATE replay_runs SET cursor = $3, looked_at = looked_at + $4, failed = failed + $5,
       updated_at = $6
WHERE run_id = $1 AND epoch = $2 AND state = 'running'

-- name: replay_run_failing
-- Keys whose order a run that is resumed still keeps: what failed in it and is open.
SELECT DISTINCT d.topic || ':' || coalesce(encode(d.record_key, 'hex'), '#' || d.dead_letter_id)
FROM dead_letter_acts a JOIN dead_letters d USING (dead_letter_id)
WHERE a.run_id = $1 AND a.outcome = 'still_failing' AND d.status = 'open'

-- name: replay_run_end
UPDATE replay_runs SET state = $3, updated_at = $4
WHERE run_id = $1 AND epoch = $2 AND state = 'running'
