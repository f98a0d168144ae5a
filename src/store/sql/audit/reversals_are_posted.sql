-- What a step back takes from a balance is what its reversals say, transaction by transaction.
SELECT format('ledger transaction %s, account %s', ledger_transaction_id, account_id) AS subject,
       format('%s micros %s were taken from the balance and %s reversed', coalesce(e.total, 0),
              currency, coalesce(r.total, 0)) AS detail
  FROM (SELECT ledger_transaction_id, account_id, currency, -sum(amount) AS total
          FROM ledger_entries JOIN ledger_transactions t USING (ledger_transaction_id)
         WHERE ledger_account = 'customer_balance'
           AND t.kind IN ('deallocated', 'payment_removed', 'payment_returned', 'claw_back',
                          'split_undone')
         GROUP BY ledger_transaction_id, account_id, currency) e
  FULL JOIN (SELECT v.ledger_transaction_id, a.account_id, a.currency, sum(v.amount) AS total
               FROM allocation_reversals v JOIN allocations a USING (allocation_id)
              GROUP BY v.ledger_transaction_id, a.account_id, a.currency) r
    USING (ledger_transaction_id, account_id, currency)
 WHERE coalesce(e.total, 0) <> coalesce(r.total, 0)
