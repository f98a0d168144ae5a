-- The newest invoices of these amounts. Index: invoices_amount.
SELECT i.invoice_id
  FROM unnest($1::bigint[]) a (amount)
 CROSS JOIN LATERAL (SELECT invoice_id FROM invoices
                      WHERE amount = a.amount ORDER BY created_at DESC LIMIT 100) i
