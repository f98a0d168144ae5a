-- What is known of these invoices. Indexes: invoices_pkey, accounts_pkey,
-- invoice_references_invoice.
SELECT i.invoice_id, i.account_id, a.name, i.name AS title, i.currency, i.amount, i.allocated,
       i.status, i.payment_reference, i.due_date, i.created_at,
       ARRAY(SELECT r.given FROM invoice_references r WHERE r.invoice_id = i.invoice_id
              LIMIT 20) AS references
  FROM invoices i
  JOIN accounts a ON a.account_id = i.account_id
 WHERE i.invoice_id = ANY($1)
