-- The next payments that have money to give, in the order of their ids. Index: open_payments_pkey.
SELECT o.payment_id, p.received_on, p.recorded_at
  FROM open_payments o
  JOIN payments p ON p.payment_id = o.payment_id
 WHERE o.payment_id > $1
 ORDER BY o.payment_id
 LIMIT $2
