-- A suggestion with what a person reads before they say yes: the payment, its payer, the customer;
-- and of one that is closed, who closed it. Indexes: primary keys,
-- bank_transactions_payment_id_key.
SELECT s.suggestion_id, s.payment_id, s.account_id, a.name AS account_name, s.currency, s.status,
       s.resolved_at, s.resolved_by_source, s.resolved_by_id, o.operator,
       coalesce(o.reason, s.reason) AS said, p.amount, p.allocated, p.returned, p.refunded, p.split,
       p.state, p.received_on, d.rule, b.debtor_name, b.debtor_account
  FROM suggestions s
  JOIN accounts a ON a.account_id = s.account_id
  JOIN payments p ON p.payment_id = s.payment_id
  JOIN decisions d ON d.payment_id = s.payment_id AND d.decision_id = s.decision_id
  LEFT JOIN bank_transactions b ON b.payment_id = s.payment_id
  LEFT JOIN operator_commands o
         ON o.source = s.resolved_by_source AND o.message_id = s.resolved_by_id
 WHERE s.suggestion_id = $1
