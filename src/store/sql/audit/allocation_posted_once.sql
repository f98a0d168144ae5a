SELECT format('allocation %s', a.allocation_id) AS subject,
       CASE WHEN t.ledger_transaction_id IS NULL THEN 'its ledger transaction does not exist'
            ELSE format('its ledger transaction is %s of payment %s', t.kind, t.payment_id)
       END AS detail
  FROM allocations a
  LEFT JOIN ledger_transactions t USING (ledger_transaction_id)
 WHERE t.ledger_transaction_id IS NULL
    OR t.kind <> CASE WHEN a.restores IS NOT NULL THEN 'return_undone'
                      WHEN t.kind = 'provisioned' THEN t.kind ELSE 'payment_provisioned' END
    OR t.payment_id <> a.payment_id
