-- The account in the same snapshot: its version must not be newer than what was read of its book.
SELECT i.invoice_id, i.account_id, i.name, i.currency, i.amount, i.allocated, i.status,
       i.payment_reference, i.due_date, i.created_at, i.sent_at, i.provisioned_at, i.voided_at,
       i.void_reason, i.keep_until, i.stale_since, i.candidate_since, a.event_sequence,
       a.book_version, a.name AS account_name,
       a.closed_at IS NOT NULL AS closed, a.time_zone,
       a.level_currencies, a.level_amounts,
       NULL::text AS upstream, NULL::text AS scheme
FROM invoices i JOIN accounts a ON a.account_id = i.account_id
WHERE i.folded_key = ANY($1::text[])
UNION ALL
SELECT i.invoice_id, i.account_id, i.name, i.currency, i.amount, i.allocated, i.status,
       i.payment_reference, i.due_date, i.created_at, i.sent_at, i.provisioned_at, i.voided_at,
       i.void_reason, i.keep_until, i.stale_since, i.candidate_since, a.event_sequence,
       a.book_version, a.name AS account_name,
       a.closed_at IS NOT NULL AS closed, a.time_zone,
       a.level_currencies, a.level_amounts,
       r.reference, r.scheme
FROM invoice_references r JOIN invoices i ON i.invoice_id = r.invoice_id
JOIN accounts a ON a.account_id = i.account_id
WHERE r.reference = ANY($1::text[]) AND r.scheme IS NULL
