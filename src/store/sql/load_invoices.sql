SELECT invoice_id, account_id, name, currency, amount, allocated, status, payment_reference,
       due_date, created_at, sent_at, provisioned_at, voided_at, void_reason, keep_until,
       stale_since, candidate_since
FROM invoices WHERE invoice_id = ANY($1::text[])
