-- Payments that a record about an invoice may have moved. Index: allocations_invoice.
SELECT DISTINCT payment_id FROM allocations WHERE invoice_id = $1 ORDER BY payment_id LIMIT 100
