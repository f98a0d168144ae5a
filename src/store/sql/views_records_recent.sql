-- Records of a time, newest first. Index: inbox_processed (BRIN), which finds the time; the rows
-- of that time are sorted. $1 to $3 are the cursor of the page before.
SELECT source, message_id, message_type, outcome, code, topic, partition, record_offset,
       subject, processed_at
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
