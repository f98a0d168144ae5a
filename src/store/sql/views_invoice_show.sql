-- One invoice. Indexes: invoices_pkey, invoice_references_invoice.
SELECT invoice_id, account_id, name, currency, amount, allocated, status, payment_reference,
       due_date, created_at, sent_at, provisioned_at, voided_at, void_reason,
       CASE WHEN keep_until >= '9999-12-31' THEN 'always' ELSE keep_until::text END AS keep_until,
       stale_since,
       ARRAY(SELECT r.given FROM invoice_references r WHERE r.invoice_id = invoices.invoice_id
              ORDER BY r.reference) AS given
  FROM invoices
 WHERE invoice_id = $1
