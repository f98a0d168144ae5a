-- Payments with an open choice of these invoices. Index: suggestion_invoices_invoice.
SELECT DISTINCT o.payment_id
FROM unnest($1::text[]) AS touched(invoice_id)
CROSS JOIN LATERAL (
    SELECT s.payment_id FROM suggestion_invoices i
      JOIN suggestions s ON s.suggestion_id = i.suggestion_id
     WHERE i.invoice_id = touched.invoice_id AND s.status = 'open' LIMIT $2) o
ORDER BY o.payment_id LIMIT $2
