SELECT r.return_id, a.invoice_id, r.amount
  FROM allocation_reversals r JOIN allocations a USING (allocation_id)
 WHERE r.return_id = ANY($1::bigint[])
 ORDER BY r.reversal_id
