-- What was written on payments, the newest first. Indexes: payments_days,
-- bank_transactions_payment_id_key.
SELECT p.payment_id, p.received_on, p.recorded_at, t.debtor_name, t.debtor_account,
       concat_ws(' ', t.unstructured, t.creditor_reference, t.end_to_end_id,
                 t.bank_transaction_id) AS said,
       concat_ws(' ', p.reference, p.remark, p.method) AS noted
  FROM (SELECT payment_id, received_on, recorded_at, reference, remark, method
          FROM payments
         WHERE (received_on, recorded_at, payment_id) < ($1, $2, $3) AND received_on >= $4
         ORDER BY received_on DESC, recorded_at DESC, payment_id DESC
         LIMIT $5) p
  LEFT JOIN bank_transactions t ON t.payment_id = p.payment_id
 ORDER BY p.received_on DESC, p.recorded_at DESC, p.payment_id DESC
