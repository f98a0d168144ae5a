-- Live allocations of one payment. Index: allocations_live_pair, which holds no reversed ones.
SELECT allocation_id, payment_id, invoice_id, account_id, currency, amount, rule,
       allocated_at, reversed_at
  FROM allocations
 WHERE payment_id = $1 AND reversed_at IS NULL
 ORDER BY allocation_id
 LIMIT 200
