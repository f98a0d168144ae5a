-- Bank clearing is negative: the bank holds what we owe. What it took as its fee is the house's.
SELECT format('currency %s', currency) AS subject,
       format('payments here are %s, bank clearing %s, unallocated on payments %s, posted %s',
              coalesce(p.received, 0), coalesce(l.cleared, 0), coalesce(p.free, 0),
              coalesce(l.free, 0)) AS detail
  FROM (SELECT currency, sum(amount - returned - refunded - split) AS received,
               sum(amount - allocated - returned - refunded - split) AS free
          FROM payments WHERE state <> 'removed' GROUP BY currency) p
  FULL JOIN (SELECT currency,
                    -coalesce(sum(amount) FILTER (WHERE ledger_account
                        IN ('bank_clearing', 'fees')), 0) AS cleared,
                    coalesce(sum(amount) FILTER (WHERE ledger_account = 'unallocated_cash'), 0)
                        AS free
               FROM ledger_entries GROUP BY currency) l USING (currency)
 WHERE coalesce(p.received, 0) <> coalesce(l.cleared, 0)
    OR coalesce(p.free, 0) <> coalesce(l.free, 0)
