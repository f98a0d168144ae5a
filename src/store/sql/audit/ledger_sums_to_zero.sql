SELECT format('currency %s', currency) AS subject,
       format('all entries sum to %s micros', sum(amount)) AS detail
  FROM ledger_entries
 GROUP BY currency
HAVING sum(amount) <> 0
