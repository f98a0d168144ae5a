SELECT DISTINCT account_id FROM invoices WHERE invoice_id = ANY($1::text[])
