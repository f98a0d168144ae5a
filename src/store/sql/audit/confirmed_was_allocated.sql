SELECT format('suggestion %s', s.suggestion_id) AS subject,
       format('it was confirmed, and %s of payment %s was never allocated to invoice %s',
              s.amount, s.payment_id, s.invoice_id) AS detail
  FROM (SELECT o.suggestion_id, o.payment_id, o.account_id, o.status, o.resolved_at,
               i.invoice_id, i.amount
          FROM suggestions o JOIN suggestion_invoices i ON i.suggestion_id = o.suggestion_id
        UNION ALL
        SELECT o.suggestion_id, w.payment_id, o.account_id, o.status, o.resolved_at,
               i.invoice_id, w.amount
          FROM suggestions o JOIN suggestion_payments w ON w.suggestion_id = o.suggestion_id
          JOIN suggestion_invoices i ON i.suggestion_id = o.suggestion_id) s
 WHERE s.status = 'confirmed'
   AND NOT EXISTS (SELECT 1 FROM allocations a
                    WHERE a.payment_id = s.payment_id AND a.invoice_id = s.invoice_id
                      AND a.amount = s.amount AND a.account_id = s.account_id
                      AND a.rule = 'R1' AND a.allocated_at = s.resolved_at)
