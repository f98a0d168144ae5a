SELECT format('allocation %s', a.allocation_id) AS subject,
       format('it is live on invoice %s, which is %s', i.invoice_id, i.status) AS detail
  FROM allocations a
  JOIN invoices i USING (invoice_id)
 WHERE a.reversed < a.amount AND i.status IN ('draft', 'voided')
