SELECT format('suggestion %s', s.suggestion_id) AS subject,
       format('it is open; payment %s is %s of %s with %s unallocated', s.payment_id,
              coalesce(p.state, 'missing'), coalesce(p.account_id, 'nobody'),
              p.amount - p.allocated - p.returned - p.refunded - p.split) AS detail
  FROM suggestions s LEFT JOIN payments p ON p.payment_id = s.payment_id
 WHERE s.status = 'open'
   AND (p.payment_id IS NULL
        OR p.state NOT IN ('parked', 'on_account', 'partly_allocated')
        OR p.amount - p.allocated - p.returned - p.refunded - p.split <= 0
        OR p.account_id <> s.account_id
        OR EXISTS (SELECT 1 FROM suggestions o
                    WHERE o.payment_id = s.payment_id AND o.status = 'open'
                      AND o.decision_id <> s.decision_id))
UNION ALL
SELECT format('suggestion %s', s.suggestion_id),
       format('it is open; payment %s of it is %s of %s', w.payment_id,
              coalesce(p.state, 'missing'), coalesce(p.account_id, 'nobody'))
  FROM suggestions s
  JOIN suggestion_payments w ON w.suggestion_id = s.suggestion_id
  LEFT JOIN payments p ON p.payment_id = w.payment_id
 WHERE s.status = 'open'
   AND (p.payment_id IS NULL OR p.state NOT IN ('parked', 'on_account', 'partly_allocated')
        OR p.account_id <> s.account_id
        OR (SELECT count(*) FROM suggestion_invoices i
             WHERE i.suggestion_id = s.suggestion_id) <> 1)
