UPDATE inbox i SET outcome = n.outcome, code = n.code, subject = coalesce(n.subject, i.subject)
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
    AS n(source, message_id, outcome, code, subject)
WHERE i.source = n.source AND i.message_id = n.message_id
