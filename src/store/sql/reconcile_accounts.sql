-- What the tables of each account and currency say against each other, as they are now.
WITH live AS (
    SELECT account_id, currency, sum(amount - reversed) AS total FROM allocations
     WHERE reversed_at IS NULL GROUP BY 1, 2
), paid AS (
    SELECT account_id, currency, sum(allocated) AS total FROM payments
     WHERE allocated > 0 GROUP BY 1, 2
), covered AS (
    SELECT account_id, currency, sum(allocated) AS total FROM invoices
     WHERE allocated > 0 GROUP BY 1, 2
), posted AS (
    SELECT account_id, currency, sum(amount) AS total FROM ledger_entries
     WHERE ledger_account = 'customer_balance' GROUP BY 1, 2
), left_over AS (
    SELECT account_id, currency, sum(remaining) AS total FROM lots
     WHERE remaining > 0 GROUP BY 1, 2
), pairs AS (
    SELECT 'account_payments' AS kind, account_id, currency, coalesce(p.total, 0) AS "is",
           coalesce(l.total, 0) AS should, 'payments say %s is allocated, allocations %s' AS words
      FROM paid p FULL JOIN live l USING (account_id, currency)
    UNION ALL
    SELECT 'account_invoices', account_id, currency, coalesce(c.total, 0), coalesce(l.total, 0),
           'invoices say %s is allocated, allocations %s'
      FROM covered c FULL JOIN live l USING (account_id, currency)
    UNION ALL
    SELECT 'account_ledger', account_id, currency, coalesce(b.amount, 0), coalesce(p.total, 0),
           'the balance is %s, its ledger entries sum to %s'
      FROM balances b FULL JOIN posted p USING (account_id, currency)
    UNION ALL
    SELECT 'account_lots', account_id, currency, coalesce(r.total, 0),
           greatest(coalesce(b.amount, 0), 0), '%s is left in lots, the balance is %s'
      FROM left_over r FULL JOIN balances b USING (account_id, currency)
)
SELECT kind, 'account' AS key_kind, account_id AS record_key, currency AS subject, currency,
       least(greatest(is_ - should, -9e18), 9e18)::bigint AS difference,
       format(words, to_char(is_ / 1e6, 'FM999999999999999999990.009999'),
              to_char(should / 1e6, 'FM999999999999999999990.009999')) AS detail
  FROM (SELECT kind, account_id, currency, "is" AS is_, should, words FROM pairs) p
 WHERE is_ <> should
 ORDER BY kind, account_id, currency LIMIT $1
