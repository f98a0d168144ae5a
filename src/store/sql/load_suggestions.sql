SELECT s.suggestion_id, s.payment_id, s.decision_id, s.account_id, s.currency, s.status,
       i.invoice_id, i.amount
FROM suggestions s JOIN suggestion_invoices i ON i.suggestion_id = s.suggestion_id
WHERE s.payment_id = ANY($1::text[])
ORDER BY s.payment_id, s.decision_id, s.suggestion_id, i.invoice_id
