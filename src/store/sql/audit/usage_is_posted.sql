SELECT format('ledger transaction %s, account %s', ledger_transaction_id, account_id) AS subject,
       format('the ledger has %s micros %s of usage and its records %s', coalesce(e.total, 0),
              currency, coalesce(u.total, 0)) AS detail
  FROM (SELECT ledger_transaction_id, account_id, currency, sum(amount) AS total
          FROM ledger_entries JOIN ledger_transactions t USING (ledger_transaction_id)
         WHERE ledger_account = 'customer_balance'
           AND t.kind IN ('usage_charged', 'usage_refunded')
         GROUP BY ledger_transaction_id, account_id, currency) e
  FULL JOIN (SELECT ledger_transaction_id, account_id, currency, sum(amount) AS total
               FROM (SELECT ledger_transaction_id, account_id, currency, -amount AS amount
                       FROM usage_charges
                      UNION ALL
                     SELECT ledger_transaction_id, account_id, currency, amount
                       FROM usage_refunds) r
              GROUP BY ledger_transaction_id, account_id, currency) u
    USING (ledger_transaction_id, account_id, currency)
 WHERE coalesce(e.total, 0) <> coalesce(u.total, 0)
