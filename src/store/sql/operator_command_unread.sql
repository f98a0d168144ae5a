-- The first command of a kind about the same things that somebody sent since $4 and no worker has
-- read. Index: operator_commands_subjects, inbox_pkey.
SELECT o.message_id, o.operator, o.asked_at
  FROM operator_commands o
 WHERE o.subjects @> $2::text[] AND o.subjects <@ $2::text[] AND o.command_type = $1
   AND o.message_id <> $3 AND o.asked_at > $4
   AND NOT EXISTS (SELECT 1 FROM inbox i
                    WHERE i.source = o.source AND i.message_id = o.message_id)
 ORDER BY o.asked_at
 LIMIT 1
