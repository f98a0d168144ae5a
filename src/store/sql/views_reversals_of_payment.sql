-- What went back of the allocations of one payment. No index holds reversed allocations by their
-- payment: its tombstones lead to those that were taken off, its returns to those that were
-- returned, and the invoices of its customer to those of a removed one, or of a part that went
-- back. Indexes: tombstones_pkey, payment_returns_payment, allocation_reversals_return,
-- invoices_account, allocations_invoice, allocation_reversals_allocation.
WITH gone AS (
    SELECT r.reversal_id, a.allocation_id
      FROM tombstones t
      JOIN allocations a ON a.invoice_id = t.invoice_id
      JOIN allocation_reversals r ON r.allocation_id = a.allocation_id
     WHERE t.payment_id = $1 AND a.payment_id = $1
     UNION
    SELECT r.reversal_id, r.allocation_id
      FROM payment_returns b
      JOIN allocation_reversals r ON r.return_id = b.return_id
     WHERE b.payment_id = $1
     UNION
    SELECT r.reversal_id, a.allocation_id
      FROM payments p
      JOIN invoices i ON i.account_id = p.account_id
      JOIN allocations a ON a.invoice_id = i.invoice_id
      JOIN allocation_reversals r ON r.allocation_id = a.allocation_id
     WHERE p.payment_id = $1 AND a.payment_id = $1
       AND (p.state = 'removed' OR (p.origin = 'split' AND p.split > 0))
)
SELECT r.reversal_id, r.kind, a.payment_id, a.invoice_id, a.account_id, a.currency, r.amount,
       r.clawed_back, coalesce(b.reason, r.reason) AS reason, r.return_id, r.reversed_at
  FROM gone
  JOIN allocation_reversals r ON r.reversal_id = gone.reversal_id
  JOIN allocations a ON a.allocation_id = gone.allocation_id
  LEFT JOIN payment_returns b ON b.return_id = r.return_id
 ORDER BY r.reversal_id
 LIMIT 200
