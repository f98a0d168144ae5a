SELECT format('invoice %s', i.invoice_id) AS subject,
       format('it says %s and its live allocations sum to %s micros', i.allocated,
              coalesce(a.total, 0)) AS detail
  FROM invoices i
  LEFT JOIN (SELECT invoice_id, sum(amount) AS total FROM allocations
              WHERE reversed_at IS NULL GROUP BY invoice_id) a USING (invoice_id)
 WHERE i.allocated <> coalesce(a.total, 0)
