SELECT format('payment %s', p.payment_id) AS subject,
       format('%s micros are allocated of %s', sum(a.amount), p.amount) AS detail
  FROM payments p
  JOIN allocations a ON a.payment_id = p.payment_id AND a.reversed_at IS NULL
 GROUP BY p.payment_id, p.amount, p.returned, p.refunded
HAVING sum(a.amount) > p.amount - p.returned - p.refunded
