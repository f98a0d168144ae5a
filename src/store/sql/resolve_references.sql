SELECT invoice_id, account_id FROM invoices WHERE payment_reference = ANY($1::text[])
