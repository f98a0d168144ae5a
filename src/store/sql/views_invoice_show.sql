-- One invoice. Index: invoices_pkey.
SELECT invoice_id, account_id, name, currency, amount, allocated, status, payment_reference,
       due_date, created_at, sent_at, provisioned_at, voided_at, void_reason,
       CASE WHEN isfinite(keep_until) THEN keep_until::text
            WHEN keep_until IS NOT NULL THEN 'always' END AS keep_until,
       stale_since
  FROM invoices
 WHERE invoice_id = $1
