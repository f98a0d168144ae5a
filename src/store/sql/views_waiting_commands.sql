-- Commands that wait, those of each key in their order, and what each stands behind; after the key
-- $2 and number $3.
-- Indexes: waiting_commands_key, waiting_commands_pkey.
SELECT w.source, w.message_id, i.message_type, w.wait_key, w.waiting_id, w.needs, w.since,
       w.deadline, b.source || '/' || b.message_id AS behind
  FROM waiting_commands w
  JOIN inbox i ON i.source = w.source AND i.message_id = w.message_id
  LEFT JOIN waiting_commands b ON b.waiting_id = w.behind
 WHERE i.message_type NOT LIKE 'topup.usage.%' AND ($1::text IS NULL OR w.wait_key = $1)
   AND ($2::text IS NULL OR (w.wait_key, w.waiting_id) > ($2, $3))
 ORDER BY w.wait_key, w.waiting_id
 LIMIT $4
