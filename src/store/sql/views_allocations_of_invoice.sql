-- All allocations of one invoice, reversed ones too. Index: allocations_invoice.
SELECT allocation_id, payment_id, invoice_id, account_id, currency, amount, reversed, rule,
       allocated_at, reversed_at
  FROM allocations
 WHERE invoice_id = $1
 ORDER BY allocation_id
 LIMIT 200
