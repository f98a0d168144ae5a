-- One payment. Indexes: payments_pkey, watches_payment.
SELECT payment_id, account_id, currency, amount, allocated, returned, refunded, split, state,
       reason, origin, received_on, method, reference, remark, recorded_at,
       ARRAY(SELECT w.watch_key FROM watches w WHERE w.payment_id = p.payment_id
              ORDER BY 1) AS watches,
       (SELECT e.payment_id FROM bank_transactions b
          JOIN told_again t USING (bank_account, bank_key)
          JOIN bank_transactions e
            ON e.bank_account = t.bank_account AND e.bank_key = t.earlier_key
         WHERE b.payment_id = p.payment_id) AS looks_like
  FROM payments p
 WHERE payment_id = $1
