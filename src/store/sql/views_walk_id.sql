-- The next payments in the order of their ids. Index: payments_pkey.
SELECT payment_id, received_on, recorded_at
  FROM payments
 WHERE payment_id > $1
 ORDER BY payment_id
 LIMIT $2
