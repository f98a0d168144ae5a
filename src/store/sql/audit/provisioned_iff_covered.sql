SELECT format('invoice %s', i.invoice_id) AS subject,
       format('it is %s with %s of %s micros allocated', i.status, coalesce(a.total, 0),
              i.amount) AS detail
  FROM invoices i
  LEFT JOIN (SELECT invoice_id, sum(amount - reversed) AS total FROM allocations
              GROUP BY invoice_id) a USING (invoice_id)
 WHERE (i.status = 'provisioned') <> (coalesce(a.total, 0) = i.amount)
