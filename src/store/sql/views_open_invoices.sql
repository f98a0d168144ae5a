-- A customer's invoices that await payment, the oldest first. Indexes: payable_invoices_oldest (its
-- first column), invoices_pkey.
SELECT i.invoice_id, i.account_id, i.name, i.currency, i.amount, i.allocated, i.status,
       i.payment_reference, i.due_date, i.created_at, i.sent_at
  FROM payable_invoices p
  JOIN invoices i ON i.invoice_id = p.invoice_id
 WHERE p.account_id = $1
 ORDER BY p.account_id, p.currency, p.due_date, p.sent_at, p.invoice_id
 LIMIT $2
