SELECT dead_letter_id, topic || ':' || coalesce(encode(record_key, 'hex'), '#' || dead_letter_id)
FROM dead_letters
WHERE status = 'open'
  AND ($1::bigint[] IS NULL OR dead_letter_id = ANY($1))
  AND ($2::text IS NULL OR code = $2)
  AND ($3::text IS NULL OR topic = $3)
  AND ($4::timestamptz IS NULL OR last_failed_at >= $4)
  AND ($5::timestamptz IS NULL OR last_failed_at < $5)
ORDER BY dead_letter_id LIMIT $6
