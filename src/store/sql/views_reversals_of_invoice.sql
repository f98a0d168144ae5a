-- What went back of the allocations of one invoice. Indexes: allocations_invoice,
-- allocation_reversals_allocation, payment_returns_pkey.
SELECT r.reversal_id, r.kind, a.payment_id, a.invoice_id, a.account_id, a.currency, r.amount,
       r.clawed_back, coalesce(b.reason, r.reason) AS reason, r.return_id, r.reversed_at
  FROM allocations a
  JOIN allocation_reversals r ON r.allocation_id = a.allocation_id
  LEFT JOIN payment_returns b ON b.return_id = r.return_id
 WHERE a.invoice_id = $1
 ORDER BY r.reversal_id
 LIMIT 200
