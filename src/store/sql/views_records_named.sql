-- Records that could not be read and call themselves so. $1: the source, if it is given. Index:
-- dead_letters_named_id.
SELECT coalesce(source, 'kafka') AS source,
       coalesce(message_id, format('%s:%s:%s', topic, partition, record_offset)) AS message_id
  FROM dead_letters
 WHERE named_id = $2 AND ($1::text IS NULL OR named_source = $1)
 ORDER BY dead_letter_id DESC
 LIMIT 20
