SELECT format('payment %s', p.payment_id) AS subject,
       format('it says %s and its live allocations sum to %s micros', p.allocated,
              coalesce(a.total, 0)) AS detail
  FROM payments p
  LEFT JOIN (SELECT payment_id, sum(amount - reversed) AS total FROM allocations
              GROUP BY payment_id) a USING (payment_id)
 WHERE p.allocated <> coalesce(a.total, 0)
