SELECT format('payment %s', p.payment_id) AS subject,
       format('%s micros are allocated of %s', sum(a.amount - a.reversed), p.amount) AS detail
  FROM payments p
  JOIN allocations a ON a.payment_id = p.payment_id
 GROUP BY p.payment_id, p.amount, p.returned, p.refunded, p.split
HAVING sum(a.amount - a.reversed) > p.amount - p.returned - p.refunded - p.split
