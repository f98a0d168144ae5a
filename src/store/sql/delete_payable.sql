DELETE FROM payable_invoices WHERE invoice_id = ANY($1::text[])
