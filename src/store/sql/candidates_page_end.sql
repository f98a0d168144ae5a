SELECT invoice_id FROM payable_invoices WHERE invoice_id > $1 ORDER BY invoice_id
OFFSET $2 - 1 LIMIT 1
