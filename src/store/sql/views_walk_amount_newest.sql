-- Payments of one amount, the newest first. Index: payments_days.
SELECT payment_id, received_on, recorded_at
  FROM payments
 WHERE (received_on, recorded_at, payment_id) < ($1, $2, $3)
   AND received_on BETWEEN $4 AND $5
   AND amount = $7
 ORDER BY received_on DESC, recorded_at DESC, payment_id DESC
 LIMIT $6
