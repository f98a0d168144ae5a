SELECT payment_id, invoice_id FROM tombstones WHERE payment_id = ANY($1::text[])
