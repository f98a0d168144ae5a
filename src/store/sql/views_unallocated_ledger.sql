-- What the ledger held as unallocated cash at $1, by currency: what the report must add up to.
SELECT e.currency, sum(e.amount)::text AS unallocated
  FROM ledger_entries e
  JOIN ledger_transactions t ON t.ledger_transaction_id = e.ledger_transaction_id
 WHERE e.ledger_account = 'unallocated_cash' AND t.posted_at <= $1
 GROUP BY e.currency
 ORDER BY e.currency
