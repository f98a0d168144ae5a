-- Payments by the day on which they were received, the newest first. Index: payments_days.
SELECT payment_id, received_on, recorded_at
  FROM payments
 WHERE (received_on, recorded_at, payment_id) < ($1, $2, $3)
   AND received_on BETWEEN $4 AND $5
 ORDER BY received_on DESC, recorded_at DESC, payment_id DESC
 LIMIT $6
