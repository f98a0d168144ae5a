-- What each payment of a suggestion gives, the one that it was made for first. Indexes:
-- suggestion_invoices_pkey, suggestion_payments_pkey, payments_pkey,
-- bank_transactions_payment_id_key.
SELECT g.payment_id, p.currency, p.amount, p.allocated, p.returned, p.refunded, p.split,
       p.received_on, g.gives, b.debtor_name, b.debtor_account
  FROM (SELECT s.payment_id, sum(x.amount)::bigint AS gives, 0 AS place
          FROM suggestions s JOIN suggestion_invoices x ON x.suggestion_id = s.suggestion_id
         WHERE s.suggestion_id = $1 GROUP BY s.payment_id
        UNION ALL
        SELECT w.payment_id, w.amount, 1 FROM suggestion_payments w WHERE w.suggestion_id = $1) g
  JOIN payments p ON p.payment_id = g.payment_id
  LEFT JOIN bank_transactions b ON b.payment_id = g.payment_id
 ORDER BY g.place, g.payment_id
