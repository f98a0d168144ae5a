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
