SELECT payment_reference, number_key, account_id, currency
FROM invoices WHERE invoice_id = ANY($1::text[])
