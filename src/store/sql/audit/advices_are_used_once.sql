-- An advice belongs to a payment of its own bank account, currency and amount, and what rule R2a
-- paid was paid by one that belongs to the payment.
SELECT format('remittance advice %s of %s', a.advice_id, a.bank_account) AS subject,
       CASE WHEN (a.state = 'used') <> (a.used_by_payment IS NOT NULL)
            THEN format('it is %s, its payment is %s', a.state, coalesce(a.used_by_payment, 'none'))
            WHEN a.payments > 1
            THEN format('payment %s has %s advices', a.used_by_payment, a.payments)
            ELSE format('payment %s is no money of its amount', a.used_by_payment) END AS detail
  FROM (SELECT r.*, count(*) OVER (PARTITION BY r.used_by_payment) AS payments
          FROM remittance_advices r) a
 WHERE (a.state = 'used') <> (a.used_by_payment IS NOT NULL)
    OR (a.used_by_payment IS NOT NULL
        AND (a.payments > 1
             OR NOT EXISTS (SELECT FROM bank_transactions b
                             WHERE b.payment_id = a.used_by_payment
                               AND b.bank_account = a.bank_account
                               AND b.currency = a.currency AND b.amount = a.amount)))
UNION ALL
SELECT format('allocation %s', x.allocation_id),
       format('rule R2a put payment %s on invoice %s without an advice', x.payment_id, x.invoice_id)
  FROM allocations x
 WHERE x.rule = 'R2a'
   AND NOT EXISTS (SELECT FROM remittance_advices a WHERE a.used_by_payment = x.payment_id)
