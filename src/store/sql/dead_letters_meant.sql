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
