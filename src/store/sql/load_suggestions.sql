-- Also those of other payments that these are part of.
SELECT s.suggestion_id, s.payment_id, s.decision_id, s.account_id, s.currency, s.status,
       i.invoice_id, i.amount,
       ARRAY(SELECT w.payment_id FROM suggestion_payments w
              WHERE w.suggestion_id = s.suggestion_id ORDER BY w.payment_id) AS with_payments,
       ARRAY(SELECT w.amount FROM suggestion_payments w
              WHERE w.suggestion_id = s.suggestion_id ORDER BY w.payment_id) AS with_amounts
FROM (SELECT o.suggestion_id FROM suggestions o WHERE o.payment_id = ANY($1::text[])
      UNION SELECT w.suggestion_id FROM suggestion_payments w WHERE w.payment_id = ANY($1::text[])
     ) n
JOIN suggestions s ON s.suggestion_id = n.suggestion_id
JOIN suggestion_invoices i ON i.suggestion_id = s.suggestion_id
ORDER BY s.payment_id, s.decision_id, s.suggestion_id, i.invoice_id
