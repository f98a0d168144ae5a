-- Of these records, the commands that wait, and whose they are. Usage, and what a bank tells, is a
-- fact: nobody cancels it. Index: waiting_commands_record.
SELECT w.source, w.message_id, w.wait_key
  FROM unnest($1::text[], $2::text[]) AS n(source, message_id)
  JOIN waiting_commands w ON w.source = n.source AND w.message_id = n.message_id
  JOIN inbox i ON i.source = n.source AND i.message_id = n.message_id
 WHERE NOT i.message_type LIKE ANY (ARRAY['topup.usage.%', 'topup.bank.%', 'topup.remittance.%'])
