-- Ids that begin as a mistyped one does; no id has a character beyond '~'. Index: payments_pkey.
SELECT payment_id AS id
  FROM payments
 WHERE payment_id >= $1 AND payment_id < $1 || '~'
 ORDER BY payment_id
 LIMIT 200
