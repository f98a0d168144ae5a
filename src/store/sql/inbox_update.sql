UPDATE inbox SET outcome = $3, code = $4, subject = coalesce($5, subject)
WHERE source = $1 AND message_id = $2
