-- The invoices of a suggestion, with what is due now and what all its payments give. Indexes:
-- suggestion_invoices_pkey, suggestion_payments_pkey.
SELECT x.invoice_id, i.currency, i.status, x.amount + w.added AS amount,
       i.amount - i.allocated AS due, i.amount - i.allocated - x.amount - w.added AS due_after
  FROM suggestion_invoices x
  JOIN invoices i ON i.invoice_id = x.invoice_id
 CROSS JOIN (SELECT coalesce(sum(amount), 0)::bigint AS added FROM suggestion_payments
              WHERE suggestion_id = $1) w
 WHERE x.suggestion_id = $1
 ORDER BY x.invoice_id
