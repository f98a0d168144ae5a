-- From the payment to its parts and back: the ledger account between them is empty at the end.
SELECT format('payment %s', payment_id) AS subject,
       format('%s micros %s are posted between it and its other half, its splits say %s',
              coalesce(l.total, 0), currency, coalesce(s.total, 0)) AS detail
  FROM (SELECT t.payment_id, e.currency, sum(e.amount) AS total
          FROM ledger_entries e JOIN ledger_transactions t USING (ledger_transaction_id)
         WHERE e.ledger_account = 'split_clearing' GROUP BY t.payment_id, e.currency) l
  FULL JOIN (SELECT payment_id, currency, sum(total) AS total
               FROM (SELECT s.payment_id, s.currency, s.amount - coalesce(u.amount, 0) AS total
                       FROM payment_splits s LEFT JOIN split_undos u USING (part_id)
                      UNION ALL
                     SELECT s.part_id, s.currency, coalesce(u.amount, 0) - s.amount
                       FROM payment_splits s LEFT JOIN split_undos u USING (part_id)) b
              GROUP BY payment_id, currency) s USING (payment_id, currency)
 WHERE coalesce(l.total, 0) <> coalesce(s.total, 0)
UNION ALL
SELECT format('currency %s', currency), format('%s micros are between payments', sum(amount))
  FROM ledger_entries WHERE ledger_account = 'split_clearing'
 GROUP BY currency HAVING sum(amount) <> 0
