-- Of these customers the last commands that wait, at most $4 each; where one of them has its turn,
-- those before it. Indexes: waiting_commands_key, waiting_commands_source_message_id_key.
SELECT q.wait_key, q.source, q.message_id, q.touches
  FROM unnest($1::text[]) AS k(wait_key)
 CROSS JOIN LATERAL (
       SELECT w.wait_key, w.waiting_id, w.source, w.message_id, w.touches
         FROM waiting_commands w
        WHERE w.wait_key = k.wait_key
          AND ($2::text IS NULL
               OR w.waiting_id < (SELECT s.waiting_id FROM waiting_commands s
                                   WHERE s.source = $2 AND s.message_id = $3))
        ORDER BY w.waiting_id DESC LIMIT $4) q
 ORDER BY q.waiting_id
