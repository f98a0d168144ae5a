SELECT format('payment %s', payment_id) AS subject,
       CASE WHEN p.amount IS NULL THEN 'the ledger has it and there is no such payment'
            ELSE format('of %s micros, %s unallocated, the ledger has %s in, %s unallocated',
                        p.amount, p.free, coalesce(l.cleared, 0), coalesce(l.free, 0))
       END AS detail
  FROM (SELECT payment_id, currency,
               CASE state WHEN 'removed' THEN 0
                          ELSE amount - returned - refunded - split END AS amount,
               CASE state WHEN 'removed' THEN 0
                          ELSE amount - allocated - returned - refunded - split END AS free
          FROM payments) p
  FULL JOIN (SELECT t.payment_id, e.currency,
                    -coalesce(sum(e.amount) FILTER (WHERE ledger_account
                        IN ('bank_clearing', 'split_clearing', 'fees')), 0) AS cleared,
                    coalesce(sum(e.amount) FILTER (WHERE ledger_account = 'unallocated_cash'), 0)
                        AS free
               FROM ledger_transactions t JOIN ledger_entries e USING (ledger_transaction_id)
              WHERE t.payment_id IS NOT NULL
              GROUP BY t.payment_id, e.currency) l USING (payment_id, currency)
 WHERE p.amount IS NULL
    OR p.amount <> coalesce(l.cleared, 0)
    OR p.free <> coalesce(l.free, 0)
