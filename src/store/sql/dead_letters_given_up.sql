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
  AND (n.bytes IS NULL OR md5(coalesce(d.record_value, '')) = md5(n.bytes))
ORDER BY n.ordinal, d.dead_letter_id
