-- What the report and the daily lists show is what the ledger holds for nobody yet.
SELECT format('currency %s', currency) AS subject,
       format('open payments have %s micros, the ledger has %s as unallocated cash',
              coalesce(o.free, 0), coalesce(l.free, 0)) AS detail
  FROM (SELECT currency, sum(free) AS free FROM open_payments GROUP BY currency) o
  FULL JOIN (SELECT currency, sum(amount) AS free FROM ledger_entries
              WHERE ledger_account = 'unallocated_cash' GROUP BY currency) l USING (currency)
 WHERE coalesce(o.free, 0) <> coalesce(l.free, 0)
