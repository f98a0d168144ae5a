-- Reads every payment: no index may name the state, which matching changes (see the schema).
SELECT reason, currency, count(*) AS payments,
       sum(amount - allocated - returned - refunded - split)::text AS unallocated,
       min(received_on) AS oldest
  FROM payments
 WHERE state = 'parked'
 GROUP BY reason, currency
 ORDER BY reason, currency
