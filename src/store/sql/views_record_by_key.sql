-- One record by source and id. Index: inbox_pkey.
SELECT source, message_id, message_type, outcome, code, topic, partition, record_offset,
       subject, processed_at
  FROM inbox
 WHERE source = $1 AND message_id = $2
