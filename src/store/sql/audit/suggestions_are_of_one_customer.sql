SELECT format('suggestion %s', s.suggestion_id) AS subject,
       CASE WHEN s.lines = 0 THEN 'it names no invoice'
            WHEN s.foreigners > 0 THEN 'it names an invoice of another customer or currency'
            ELSE format('it proposes %s of a payment of %s', s.proposed, s.amount) END AS detail
  FROM (SELECT s.suggestion_id, p.amount, count(x.invoice_id) AS lines,
               count(*) FILTER (WHERE x.invoice_id IS NOT NULL
                   AND (i.account_id, i.currency) IS DISTINCT FROM (s.account_id, s.currency))
                   AS foreigners,
               coalesce(sum(x.amount), 0) AS proposed
          FROM suggestions s
          LEFT JOIN suggestion_invoices x ON x.suggestion_id = s.suggestion_id
          LEFT JOIN invoices i ON i.invoice_id = x.invoice_id
          LEFT JOIN payments p ON p.payment_id = s.payment_id
         GROUP BY s.suggestion_id, p.amount) s
 WHERE s.lines = 0 OR s.foreigners > 0 OR s.amount IS NULL OR s.proposed > s.amount
