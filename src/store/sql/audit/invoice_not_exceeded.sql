SELECT format('invoice %s', i.invoice_id) AS subject,
       format('%s micros are allocated to %s', sum(a.amount - a.reversed), i.amount) AS detail
  FROM invoices i
  JOIN allocations a ON a.invoice_id = i.invoice_id
 GROUP BY i.invoice_id, i.amount
HAVING sum(a.amount - a.reversed) > i.amount
