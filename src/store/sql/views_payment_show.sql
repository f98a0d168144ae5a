-- One payment. Indexes: payments_pkey, watches_payment.
SELECT payment_id, account_id, currency, amount, allocated, returned, refunded, split, state,
       reason, origin, received_on, method, reference, remark, recorded_at,
       ARRAY(SELECT w.watch_key FROM watches w WHERE w.payment_id = p.payment_id
              ORDER BY 1) AS watches,
       (SELECT w.looks_like FROM payments_without_bank_id w
         WHERE w.payment_id = p.payment_id) AS looks_like
  FROM payments p
 WHERE payment_id = $1
