-- Commands that wait, the first of each key before those behind it, and what each stands behind.
-- Index: waiting_commands_key.
SELECT w.source, w.message_id, i.message_type, w.wait_key AS account_id, w.needs, w.since,
       w.deadline,
       CASE WHEN w.needs = 'queue' THEN (
           SELECT f.source || '/' || f.message_id FROM waiting_commands f
            WHERE f.wait_key = w.wait_key AND f.waiting_id < w.waiting_id
            ORDER BY f.waiting_id LIMIT 1) END AS behind
  FROM waiting_commands w
  JOIN inbox i ON i.source = w.source AND i.message_id = w.message_id
 WHERE i.message_type NOT LIKE 'topup.usage.%' AND ($1::text IS NULL OR w.wait_key = $1)
 ORDER BY w.wait_key, w.waiting_id
 LIMIT 1000
