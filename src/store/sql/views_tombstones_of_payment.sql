-- The invoices that a person took one payment off. Index: tombstones_pkey.
SELECT invoice_id, laid_at
  FROM tombstones
 WHERE payment_id = $1
 ORDER BY laid_at, invoice_id
 LIMIT 100
