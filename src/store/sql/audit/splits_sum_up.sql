-- A payment gave what its parts have; a part is what it was split from, and gave all back or none.
SELECT format('payment %s', p.payment_id) AS subject,
       format('it gave %s micros away, its parts have %s', p.split, coalesce(s.total, 0)) AS detail
  FROM payments p
  LEFT JOIN (SELECT s.payment_id, sum(s.amount - coalesce(u.amount, 0)) AS total
               FROM payment_splits s LEFT JOIN split_undos u USING (part_id)
              GROUP BY s.payment_id) s USING (payment_id)
 WHERE p.origin <> 'split' AND p.split <> coalesce(s.total, 0)
UNION ALL
SELECT format('part %s', p.payment_id),
       CASE WHEN s.part_id IS NULL THEN 'no payment was split for it'
            ELSE format('%s micros %s of account %s on %s, split from payment %s (%s, %s, '
                        'on %s) as %s micros of account %s; it gave %s back and %s are recorded',
                        p.amount, p.currency, p.account_id, p.received_on, s.payment_id, w.origin,
                        w.currency, w.received_on, s.amount, s.account_id, p.split,
                        coalesce(u.amount, 0)) END
  FROM payments p
  FULL JOIN payment_splits s ON s.part_id = p.payment_id
  LEFT JOIN payments w ON w.payment_id = s.payment_id
  LEFT JOIN split_undos u ON u.part_id = s.part_id
 WHERE (p.origin = 'split' OR s.part_id IS NOT NULL)
   AND ((p.origin, p.amount, p.currency, p.account_id, p.received_on, p.split)
        IS DISTINCT FROM ('split', s.amount, w.currency, s.account_id, w.received_on,
                          coalesce(u.amount, 0))
        OR s.currency <> w.currency OR w.origin = 'split')
