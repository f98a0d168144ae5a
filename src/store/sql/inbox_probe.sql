SELECT i.source, i.message_id, i.content_hash, i.outcome, i.topic, i.partition, i.record_offset
FROM inbox i
JOIN unnest($1::text[], $2::text[]) AS asked(source, message_id)
  ON i.source = asked.source AND i.message_id = asked.message_id
