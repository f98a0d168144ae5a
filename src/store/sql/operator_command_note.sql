INSERT INTO operator_commands
    (source, message_id, command_type, operator, reason, subjects, asked_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING
