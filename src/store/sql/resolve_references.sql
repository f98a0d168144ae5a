SELECT invoice_id, account_id, payment_reference
FROM invoices WHERE payment_reference = ANY($1::text[])
