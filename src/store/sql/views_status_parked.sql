-- Reads the payments that still have money to give.
SELECT p.reason, p.currency, count(*) AS payments, sum(o.free)::text AS unallocated,
       min(p.received_on) AS oldest
  FROM open_payments o
  JOIN payments p ON p.payment_id = o.payment_id
 WHERE p.state = 'parked'
 GROUP BY p.reason, p.currency
 ORDER BY p.reason, p.currency
