-- Invoices of one account in the order of their ids. Index: invoices_account.
SELECT invoice_id, account_id, name, currency, amount, allocated, status,
       payment_reference, due_date, created_at, sent_at
  FROM invoices
 WHERE account_id = $4
   AND invoice_id > coalesce($1::text, '')
   AND ($2::text IS NULL OR status = $2)
 ORDER BY invoice_id
 LIMIT $3
