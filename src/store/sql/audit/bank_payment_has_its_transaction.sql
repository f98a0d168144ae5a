SELECT format('payment %s', p.payment_id) AS subject,
       format('its origin is %s and it has %s bank transactions', p.origin,
              count(b.payment_id)) AS detail
  FROM payments p
  LEFT JOIN bank_transactions b ON b.payment_id = p.payment_id
 GROUP BY p.payment_id, p.origin
HAVING count(b.payment_id) <> (p.origin = 'bank')::integer
