-- The record at one place of the log. No index has the place: a place of a dead letter or a
-- repeat is looked up there first, so this scan is for applied records only.
SELECT source, message_id, message_type, outcome, code, topic, partition, record_offset,
       subject, processed_at
  FROM inbox
 WHERE topic = $1 AND partition = $2 AND record_offset = $3
 LIMIT 20
