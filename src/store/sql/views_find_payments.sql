-- What is known of these payments. Indexes: payments_pkey, bank_transactions_payment_id_key,
-- accounts_pkey.
SELECT p.payment_id, p.account_id, a.name, p.currency, p.amount, p.allocated, p.returned,
       p.refunded, p.split, p.state, p.reason, p.received_on, p.recorded_at,
       t.debtor_name, t.debtor_account, t.bank_transaction_id, t.end_to_end_id,
       t.creditor_reference, t.unstructured, p.reference,
       concat_ws(' ', p.remark, p.method) AS noted
  FROM payments p
  LEFT JOIN bank_transactions t ON t.payment_id = p.payment_id
  LEFT JOIN accounts a ON a.account_id = p.account_id
 WHERE p.payment_id = ANY($1)
