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
