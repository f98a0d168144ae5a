-- The index of live pairs leaves out what an undone return opened again: that is found by it.
SELECT payment_id, invoice_id
  FROM allocations
 WHERE payment_id = ANY($1::text[]) AND reversed_at IS NULL AND restores IS NULL
 UNION ALL
SELECT payment_id, invoice_id
  FROM allocations
 WHERE restores IN (SELECT return_id FROM payment_returns WHERE payment_id = ANY($1::text[]))
   AND payment_id = ANY($1::text[]) AND reversed_at IS NULL
