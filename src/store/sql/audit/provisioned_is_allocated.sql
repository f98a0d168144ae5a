-- Over an account the balance rises by its allocations, in the invoice's account and currency.
SELECT format('ledger transaction %s, account %s', ledger_transaction_id, account_id) AS subject,
       format('%s micros %s were provisioned and %s allocated', coalesce(e.total, 0), currency,
              coalesce(a.total, 0)) AS detail
  FROM (SELECT ledger_transaction_id, account_id, currency, sum(amount) AS total
          FROM ledger_entries JOIN ledger_transactions t USING (ledger_transaction_id)
         WHERE ledger_account = 'customer_balance'
           AND t.kind IN ('payment_provisioned', 'provisioned', 'return_undone')
         GROUP BY ledger_transaction_id, account_id, currency) e
  FULL JOIN (SELECT a.ledger_transaction_id, i.account_id, i.currency, sum(a.amount) AS total
               FROM allocations a JOIN invoices i USING (invoice_id)
              GROUP BY a.ledger_transaction_id, i.account_id, i.currency) a
    USING (ledger_transaction_id, account_id, currency)
 WHERE coalesce(e.total, 0) <> coalesce(a.total, 0)
