-- What left the books of one payment by a person's word, in that order. Indexes: ledger_releases,
-- ledger_entries_pkey, payments_pkey.
SELECT t.kind, t.said, t.posted_at, p.currency, e.amount
  FROM ledger_transactions t
  JOIN ledger_entries e ON e.ledger_transaction_id = t.ledger_transaction_id
   AND e.ledger_account = 'bank_clearing'
  JOIN payments p ON p.payment_id = t.payment_id
 WHERE t.payment_id = $1
   AND t.kind IN ('payment_removed', 'payment_refunded', 'payment_dismissed')
 ORDER BY t.posted_at, t.ledger_transaction_id
 LIMIT 100
