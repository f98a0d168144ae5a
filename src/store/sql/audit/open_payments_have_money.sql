SELECT format('payment %s', coalesce(p.payment_id, o.payment_id)) AS subject,
       CASE WHEN p.payment_id IS NULL THEN 'it is open and has no money to give'
            WHEN o.payment_id IS NULL THEN 'it has money to give and is not open'
            ELSE format('%s micros are open of %s', o.free, p.free)
       END AS detail
  FROM (SELECT payment_id, account_id, currency, origin = 'bank' AS bank,
               amount - allocated - returned - refunded - split AS free
          FROM payments
         WHERE state NOT IN ('allocated', 'returned', 'removed', 'ignored', 'split')
           AND amount > allocated + returned + refunded + split) p
  FULL JOIN open_payments o ON o.payment_id = p.payment_id
 WHERE p.payment_id IS NULL
    OR o.payment_id IS NULL
    OR (o.free, o.currency, o.account_id, o.bank) IS DISTINCT FROM
       (p.free, p.currency, p.account_id, p.bank)
