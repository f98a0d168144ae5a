-- Later deliveries of one record. Index: inbox_repeats_record.
SELECT topic, partition, record_offset, outcome, code, seen_at
  FROM inbox_repeats
 WHERE source = $1 AND message_id = $2
 ORDER BY seen_at, topic, partition, record_offset
 LIMIT 100
