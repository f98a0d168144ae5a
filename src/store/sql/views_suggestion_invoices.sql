-- The invoices of a suggestion, with what is due now. Index: suggestion_invoices_pkey.
SELECT x.invoice_id, i.currency, i.status, x.amount, i.amount - i.allocated AS due,
       i.amount - i.allocated - x.amount AS due_after
  FROM suggestion_invoices x
  JOIN invoices i ON i.invoice_id = x.invoice_id
 WHERE x.suggestion_id = $1
 ORDER BY x.invoice_id
