-- Ids that begin as a mistyped one does; no id has a character beyond '~'. Index: invoices_pkey.
SELECT invoice_id AS id
  FROM invoices
 WHERE invoice_id >= $1 AND invoice_id < $1 || '~'
 ORDER BY invoice_id
 LIMIT 200
