SELECT i.source, i.message_id, i.content_hash, i.outcome
FROM inbox i
JOIN unnest($1::text[], $2::text[]) AS asked(source, message_id)
  ON i.source = asked.source AND i.message_id = asked.message_id
ORDER BY i.source, i.message_id
FOR NO KEY UPDATE OF i
