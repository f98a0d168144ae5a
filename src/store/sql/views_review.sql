-- What a person has to look at, the oldest first: each open suggestion, and each parked payment
-- that has none. Reads the payments that wait; indexes: suggestions_payment, decisions_pkey,
-- suggestion_invoices_pkey, bank_transactions_payment_id_key.
SELECT p.payment_id, p.account_id AS owner, p.currency, p.amount, p.allocated, p.returned,
       p.refunded, p.split, p.state, p.reason, p.recorded_at, s.suggestion_id, s.account_id, d.rule,
       coalesce(i.invoices, '{}') AS invoices,
       coalesce(i.proposed, 0) + coalesce(w.added, 0) AS proposed,
       coalesce(i.payable AND i.proposed <= p.amount - p.allocated - p.returned - p.refunded
           - p.split, true) AS payable, coalesce(w.with_payments, '{}') AS with_payments,
       b.debtor_name, b.debtor_account,
       p.recorded_at::text || '/' || p.payment_id || '/' || coalesce(s.suggestion_id, '') AS place
  FROM payments p
  LEFT JOIN suggestions s ON s.payment_id = p.payment_id AND s.status = 'open'
  LEFT JOIN LATERAL (SELECT x.rule FROM decisions x WHERE x.payment_id = p.payment_id
                        AND x.decision_id = coalesce(s.decision_id, x.decision_id)
                      ORDER BY x.place DESC NULLS LAST, x.decision_id DESC LIMIT 1) d ON true
  LEFT JOIN LATERAL (SELECT array_agg(x.invoice_id ORDER BY x.invoice_id) AS invoices,
                            sum(x.amount)::bigint AS proposed,
                            bool_and(y.invoice_id IS NOT NULL) AS payable
                       FROM suggestion_invoices x
                       LEFT JOIN payable_invoices y ON y.invoice_id = x.invoice_id
                      WHERE x.suggestion_id = s.suggestion_id) i ON true
  LEFT JOIN LATERAL (SELECT array_agg(x.payment_id ORDER BY x.payment_id) AS with_payments,
                            sum(x.amount)::bigint AS added
                       FROM suggestion_payments x WHERE x.suggestion_id = s.suggestion_id) w ON true
  LEFT JOIN bank_transactions b ON b.payment_id = p.payment_id
 WHERE (p.state = 'parked' OR s.suggestion_id IS NOT NULL)
   AND ($1::text IS NULL OR (p.recorded_at, p.payment_id, coalesce(s.suggestion_id, ''))
        > (split_part($1, '/', 1)::timestamptz, split_part($1, '/', 2), split_part($1, '/', 3)))
   AND ($2::text IS NULL OR coalesce(s.account_id, p.account_id) = $2)
   AND ($3::text IS NULL OR p.reason = $3
        OR p.reason = 'two_person_limit' AND $3 = 'above_auto_limit')
   AND ($4::text IS NULL OR d.rule = $4)
   AND ($5::timestamptz IS NULL OR p.recorded_at < $5)
 ORDER BY p.recorded_at, p.payment_id, coalesce(s.suggestion_id, '')
 LIMIT $6
