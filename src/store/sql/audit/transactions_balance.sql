SELECT format('ledger transaction %s', t.ledger_transaction_id) AS subject,
       CASE WHEN e.currency IS NULL THEN 'it has no entries'
            ELSE format('%s entries in %s sum to %s micros', e.lines, e.currency, e.total)
       END AS detail
  FROM ledger_transactions t
  LEFT JOIN (SELECT ledger_transaction_id, currency, count(*) AS lines, sum(amount) AS total
               FROM ledger_entries GROUP BY ledger_transaction_id, currency) e
    USING (ledger_transaction_id)
 WHERE e.currency IS NULL OR e.lines < 2 OR e.total <> 0
