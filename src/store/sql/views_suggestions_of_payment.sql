-- What was suggested for one payment, and what became of it. Index: suggestions_payment.
SELECT s.suggestion_id, s.account_id, s.currency, s.status, s.reason, s.resolved_at,
       array_agg(i.invoice_id ORDER BY i.invoice_id) AS invoices, sum(i.amount)::bigint AS amount
  FROM suggestions s JOIN suggestion_invoices i ON i.suggestion_id = s.suggestion_id
 WHERE s.payment_id = $1
 GROUP BY s.suggestion_id
 ORDER BY s.decision_id, s.suggestion_id
