SELECT format('account %s, %s', account_id, currency) AS subject,
       format('the balance is %s and its entries sum to %s micros', coalesce(b.amount, 0),
              coalesce(e.total, 0)) AS detail
  FROM (SELECT account_id, currency, sum(amount) AS total FROM ledger_entries
         WHERE ledger_account = 'customer_balance' GROUP BY account_id, currency) e
  FULL JOIN balances b USING (account_id, currency)
 WHERE coalesce(e.total, 0) <> coalesce(b.amount, 0)
