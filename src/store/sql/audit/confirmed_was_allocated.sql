SELECT format('suggestion %s', s.suggestion_id) AS subject,
       format('it was confirmed, and %s of payment %s was never allocated to invoice %s',
              x.amount, s.payment_id, x.invoice_id) AS detail
  FROM suggestions s JOIN suggestion_invoices x ON x.suggestion_id = s.suggestion_id
 WHERE s.status = 'confirmed'
   AND NOT EXISTS (SELECT 1 FROM allocations a
                    WHERE a.payment_id = s.payment_id AND a.invoice_id = x.invoice_id
                      AND a.amount = x.amount AND a.account_id = s.account_id
                      AND a.rule = 'R1' AND a.allocated_at = s.resolved_at)
