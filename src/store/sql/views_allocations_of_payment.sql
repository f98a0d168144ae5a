-- Live allocations of one payment. Indexes: allocations_live_pair, which holds no reversed ones;
-- for those that an undone return opened again payment_returns_payment, allocations_restored.
SELECT allocation_id, payment_id, invoice_id, account_id, currency, amount, reversed, rule,
       allocated_at, reversed_at
  FROM allocations
 WHERE payment_id = $1 AND reversed_at IS NULL AND restores IS NULL
 UNION ALL
SELECT allocation_id, payment_id, invoice_id, account_id, currency, amount, reversed, rule,
       allocated_at, reversed_at
  FROM allocations
 WHERE restores IN (SELECT return_id FROM payment_returns WHERE payment_id = $1)
   AND payment_id = $1 AND reversed_at IS NULL
 ORDER BY allocation_id
 LIMIT 200
