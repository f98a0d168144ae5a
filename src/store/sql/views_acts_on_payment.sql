-- What persons asked for by the command line about one payment, and what became of it.
-- Index: operator_commands_subjects.
SELECT c.source, c.message_id, c.command_type, c.operator, c.reason, c.subjects, c.asked_at,
       i.outcome, i.code
  FROM operator_commands c
  LEFT JOIN inbox i ON i.source = c.source AND i.message_id = c.message_id
 WHERE c.subjects @> ARRAY['payment:' || $1]
 ORDER BY c.asked_at, c.message_id
 LIMIT 100
