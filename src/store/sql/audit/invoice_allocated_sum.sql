SELECT format('invoice %s', i.invoice_id) AS subject,
       format('it says %s and its live allocations sum to %s micros', i.allocated,
              coalesce(a.total, 0)) AS detail
  FROM invoices i
  LEFT JOIN (SELECT invoice_id, sum(amount - reversed) AS total FROM allocations
              GROUP BY invoice_id) a USING (invoice_id)
 WHERE i.allocated <> coalesce(a.total, 0)
