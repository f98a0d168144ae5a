SELECT invoice_id, account_id FROM invoices WHERE number_key = ANY($1::text[])
