SELECT format('payment %s, invoice %s', a.payment_id, a.invoice_id) AS subject,
       'a person took them apart and there is no tombstone' AS detail
  FROM allocation_reversals r
  JOIN allocations a USING (allocation_id)
  LEFT JOIN tombstones t USING (payment_id, invoice_id)
 WHERE r.kind = 'deallocated' AND t.payment_id IS NULL
UNION ALL
SELECT format('payment %s, invoice %s', a.payment_id, a.invoice_id),
       format('a person took them apart at %s, rule %s put them together at %s', t.laid_at, a.rule,
              a.allocated_at)
  FROM tombstones t
  JOIN allocations a USING (payment_id, invoice_id)
 WHERE a.allocated_at > t.laid_at AND a.rule NOT IN ('R1', 'R1r')
