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
