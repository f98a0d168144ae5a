-- The first command of a key, behind $2 and before $3, that stood behind another one and stands
-- behind none now, and did not fail. Index: waiting_commands_freed.
SELECT waiting_id, topic, partition, record_offset, record_timestamp, record_key, record_value,
       record_headers::text AS record_headers, source, message_id, needs, since, deadline
  FROM (SELECT * FROM waiting_commands
         WHERE wait_key = $1 AND waiting_id > $2 AND ($3::bigint IS NULL OR waiting_id < $3)
           AND behind IS NULL AND (touches = '{*}' OR needs LIKE 'behind:%')
         ORDER BY waiting_id LIMIT 100) w
 WHERE (SELECT true FROM failing_items f
         WHERE f.kind = 'command' AND f.item = w.waiting_id::text LIMIT 1) IS NULL
 ORDER BY waiting_id LIMIT 1
