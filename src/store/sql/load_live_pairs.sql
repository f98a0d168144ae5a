SELECT payment_id, invoice_id FROM allocations
WHERE payment_id = ANY($1::text[]) AND reversed_at IS NULL
