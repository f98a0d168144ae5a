UPDATE void_candidates c SET cleared_at = $3, cleared_by = n.reason
FROM unnest($1::text[], $2::text[]) AS n(invoice_id, reason)
WHERE c.invoice_id = n.invoice_id AND c.cleared_at IS NULL
