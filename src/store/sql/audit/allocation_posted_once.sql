-- No posting reverses an allocation yet, so a reversed one has no counterpart either.
SELECT format('allocation %s', a.allocation_id) AS subject,
       CASE WHEN t.ledger_transaction_id IS NULL THEN 'its ledger transaction does not exist'
            WHEN a.reversed_at IS NOT NULL THEN 'it is reversed without a reversing transaction'
            ELSE format('its ledger transaction is %s of payment %s', t.kind, t.payment_id)
       END AS detail
  FROM allocations a
  LEFT JOIN ledger_transactions t USING (ledger_transaction_id)
 WHERE t.ledger_transaction_id IS NULL
    OR a.reversed_at IS NOT NULL
    OR t.kind NOT IN ('payment_provisioned', 'provisioned')
    OR t.payment_id <> a.payment_id
