-- Payments in the order of their ids. Index: payments_pkey.
SELECT payment_id, account_id, currency, amount, allocated, returned, refunded, split, state,
       reason, origin, received_on, recorded_at,
       (SELECT w.looks_like FROM payments_without_bank_id w
         WHERE w.payment_id = payments.payment_id) AS looks_like
  FROM payments
 WHERE payment_id > coalesce($1::text, '')
   AND ($2::text IS NULL OR state = $2)
   AND ($3::text IS NULL OR reason = $3
        OR reason = 'two_person_limit' AND $3 = 'above_auto_limit')
 ORDER BY payment_id
 LIMIT $4
