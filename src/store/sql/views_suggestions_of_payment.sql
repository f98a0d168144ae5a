-- What was suggested for one payment, or for others of which it is a part, and what became of it.
-- Indexes: suggestions_payment, suggestion_payments_payment, payable_invoices_pkey, payments_pkey.
SELECT s.suggestion_id, s.account_id, s.currency, s.status, s.reason, s.resolved_at,
       array_agg(i.invoice_id ORDER BY i.invoice_id) AS invoices, sum(i.amount)::bigint AS amount,
       bool_and(y.invoice_id IS NOT NULL) AND sum(i.amount) <= min(p.amount - p.allocated
           - p.returned - p.refunded - p.split) AS payable,
       ARRAY(SELECT CASE w.payment_id WHEN $1 THEN s.payment_id ELSE w.payment_id END
               FROM suggestion_payments w WHERE w.suggestion_id = s.suggestion_id
              ORDER BY 1) AS with_payments
  FROM suggestions s JOIN suggestion_invoices i ON i.suggestion_id = s.suggestion_id
  JOIN payments p ON p.payment_id = s.payment_id
  LEFT JOIN payable_invoices y ON y.invoice_id = i.invoice_id
 WHERE s.suggestion_id IN (SELECT o.suggestion_id FROM suggestions o WHERE o.payment_id = $1
                           UNION SELECT w.suggestion_id FROM suggestion_payments w
                                  WHERE w.payment_id = $1)
 GROUP BY s.suggestion_id
 ORDER BY s.decision_id, s.suggestion_id
