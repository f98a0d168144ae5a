UPDATE suggestions s SET status = n.status, resolved_at = $6, resolved_by_source = n.source,
       resolved_by_id = n.id, reason = n.reason
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
    AS n(suggestion_id, status, source, id, reason)
WHERE s.suggestion_id = n.suggestion_id AND s.status = 'open'
