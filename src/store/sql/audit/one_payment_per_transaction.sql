SELECT format('payment %s', b.payment_id) AS subject,
       format('%s bank transactions name it, with %s micros for its %s', count(*), sum(b.amount),
              coalesce(p.amount, 0)) AS detail
  FROM bank_transactions b
  LEFT JOIN payments p USING (payment_id)
 WHERE b.payment_id IS NOT NULL
 GROUP BY b.payment_id, p.amount
HAVING count(*) <> 1 OR sum(b.amount) <> coalesce(p.amount, 0)
    OR bool_or(b.currency <> p.currency)
