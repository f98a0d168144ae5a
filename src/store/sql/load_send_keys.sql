SELECT payment_reference, number_key, account_id, currency, amount - allocated AS due
FROM invoices WHERE invoice_id = ANY($1::text[])
