-- The newest payments of these amounts. Index: payments_days, which has the amounts.
SELECT p.payment_id
  FROM unnest($1::bigint[]) a (amount)
 CROSS JOIN LATERAL (SELECT payment_id FROM payments
                      WHERE amount = a.amount AND received_on >= $2
                      ORDER BY received_on DESC, recorded_at DESC LIMIT 100) p
