-- The first id that is not before this one. Index: payments_pkey.
SELECT payment_id AS id
  FROM payments
 WHERE payment_id >= $1
 ORDER BY payment_id
 LIMIT 1
