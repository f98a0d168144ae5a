SELECT payment_id, invoice_id, currency, amount - reversed AS amount FROM allocations
 WHERE payment_id = ANY($1::text[]) AND reversed_at IS NULL
 ORDER BY payment_id, invoice_id
