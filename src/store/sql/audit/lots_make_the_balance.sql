SELECT format('account %s, %s', account_id, currency) AS subject,
       format('the lots hold %s and the balance is %s micros', coalesce(l.remaining, 0),
              coalesce(b.amount, 0)) AS detail
  FROM (SELECT account_id, currency, sum(remaining) AS remaining FROM lots
         GROUP BY account_id, currency) l
  FULL JOIN balances b USING (account_id, currency)
 WHERE coalesce(l.remaining, 0) <> greatest(coalesce(b.amount, 0), 0)
