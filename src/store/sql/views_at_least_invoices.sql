-- The first id that is not before this one. Index: invoices_pkey.
SELECT invoice_id AS id
  FROM invoices
 WHERE invoice_id >= $1
 ORDER BY invoice_id
 LIMIT 1
