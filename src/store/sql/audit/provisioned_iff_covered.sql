SELECT format('invoice %s', i.invoice_id) AS subject,
       format('it is %s with %s of %s micros allocated', i.status, coalesce(a.total, 0),
              i.amount) AS detail
  FROM invoices i
  LEFT JOIN (SELECT invoice_id, sum(amount) AS total FROM allocations
              WHERE reversed_at IS NULL GROUP BY invoice_id) a USING (invoice_id)
 WHERE (i.status = 'provisioned') <> (coalesce(a.total, 0) = i.amount)
