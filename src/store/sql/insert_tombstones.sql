INSERT INTO tombstones (payment_id, invoice_id, laid_at)
SELECT n.payment_id, n.invoice_id, $3
  FROM unnest($1::text[], $2::text[]) AS n(payment_id, invoice_id)
ON CONFLICT DO NOTHING
