-- What a waiting command waits for. Index: waiting_commands_source_message_id_key.
SELECT wait_key, needs, since, deadline
  FROM waiting_commands
 WHERE source = $1 AND message_id = $2
