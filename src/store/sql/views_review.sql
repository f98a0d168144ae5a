-- name: views_review
-- What a person has to look at, the oldest first: each open suggestion, and each parked payment
-- that has none. Reads the payments that wait; indexes: suggestions_payment, money_records_payment,
-- further_decisions_pkey, suggestion_invoices_pkey.
SELECT p.payment_id, p.account_id AS owner, p.currency, p.amount, p.allocated, p.returned,
       p.refunded, p.split, p.state, p.reason, p.recorded_at, s.suggestion_id, s.account_id, d.rule,
       coalesce(i.invoices, '{}') AS invoices,
       coalesce(i.proposed, 0) + coalesce(w.added, 0) AS proposed,
       coalesce(i.payable AND i.proposed <= p.amount - p.allocated - p.returned - p.refunded
           - p.split, true) AS payable, coalesce(w.with_payments, '{}') AS with_payments,
       p.debtor_name, p.debtor_account,
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

-- name: views_suggestion
-- A suggestion with what a person reads before they say yes: the payment, its payer, the customer;
-- and of one that is closed, who closed it. Indexes: primary keys, money_records_payment.
SELECT s.suggestion_id, s.payment_id, s.account_id, a.name AS account_name, s.currency, s.status,
       s.resolved_at, s.resolved_by_source, s.resolved_by_id, o.operator,
       coalesce(o.reason, s.reason) AS said, p.amount, p.allocated, p.returned, p.refunded, p.split,
       p.state, p.received_on, d.rule, p.debtor_name, p.debtor_account
  FROM suggestions s
  JOIN accounts a ON a.account_id = s.account_id
  JOIN payments p ON p.payment_id = s.payment_id
  CROSS JOIN LATERAL (SELECT x.rule FROM decisions x WHERE x.payment_id = s.payment_id
                         AND x.decision_id = s.decision_id LIMIT 1) d
  LEFT JOIN operator_commands o
         ON o.source = s.resolved_by_source AND o.message_id = s.resolved_by_id
 WHERE s.suggestion_id = $1

-- name: views_suggestion_invoices
-- The invoices of a suggestion, with what is due now and what all its payments give. Indexes:
-- suggestion_invoices_pkey, suggestion_payments_pkey.
SELECT x.invoice_id, i.currency, i.status, x.amount + w.added AS amount,
       i.amount - i.allocated AS due, i.amount - i.allocated - x.amount - w.added AS due_after
  FROM suggestion_invoices x
  JOIN invoice_states i ON i.invoice_id = x.invoice_id
 CROSS JOIN (SELECT coalesce(sum(amount), 0)::bigint AS added FROM suggestion_payments
              WHERE suggestion_id = $1) w
 WHERE x.suggestion_id = $1
 ORDER BY x.invoice_id

-- name: views_suggestion_payments
-- What each payment of a suggestion gives, the one that it was made for first. Indexes:
-- suggestion_invoices_pkey, suggestion_payments_pkey, money_records_payment.
SELECT g.payment_id, p.currency, p.amount, p.allocated, p.returned, p.refunded, p.split,
       p.received_on, g.gives, p.debtor_name, p.debtor_account
  FROM (SELECT s.payment_id, sum(x.amount)::bigint AS gives, 0 AS place
          FROM suggestions s JOIN suggestion_invoices x ON x.suggestion_id = s.suggestion_id
         WHERE s.suggestion_id = $1 GROUP BY s.payment_id
        UNION ALL
        SELECT w.payment_id, w.amount, 1 FROM suggestion_payments w WHERE w.suggestion_id = $1) g
  JOIN payments p ON p.payment_id = g.payment_id
 ORDER BY g.place, g.payment_id

-- name: views_aliases
-- What persons taught about payers' accounts; $1 is the last one of the page before. Indexes:
-- payer_aliases_pkey, payer_aliases_id.
SELECT a.alias_id, a.payer_account, a.account_id, a.confirmations, a.last_used_on, a.demoted_at,
       EXISTS (SELECT 1 FROM payer_aliases o WHERE o.payer_account = a.payer_account
                  AND o.account_id <> a.account_id AND o.confirmations > 0)
       OR EXISTS (SELECT 1 FROM payer_accounts o WHERE o.payer_account = a.payer_account
                     AND o.account_id <> a.account_id) AS shared
  FROM payer_aliases a
 WHERE ($1::bigint IS NULL OR (a.payer_account, a.account_id)
        > (SELECT l.payer_account, l.account_id FROM payer_aliases l WHERE l.alias_id = $1))
   AND ($2::text IS NULL OR a.account_id = $2)
 ORDER BY a.payer_account, a.account_id
 LIMIT $3

-- name: views_alias_uses
-- What made aliases, what rested on them, what took them back. Index: payer_alias_uses_pkey.
SELECT use_id, payer_account, account_id, payment_id, kind, decision_id, suggestion_id, used_on,
       caused_by_source, caused_by_id, recorded_at
  FROM payer_alias_uses
 WHERE use_id > coalesce($1::bigint, 0)
   AND ($2::text IS NULL OR account_id = $2)
 ORDER BY use_id
 LIMIT $3
