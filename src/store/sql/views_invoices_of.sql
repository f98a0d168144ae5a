-- These invoices, in the order of their ids. Index: invoices_pkey.
SELECT invoice_id, account_id, name, currency, amount, allocated, status,
       payment_reference, due_date, created_at, sent_at
  FROM invoices
 WHERE invoice_id = ANY($1) AND invoice_id > coalesce($2::text, '')
   AND ($3::text IS NULL OR status = $3)
   AND ($5::text IS NULL OR account_id = $5)
 ORDER BY invoice_id
 LIMIT $4
