SELECT allocation_id, payment_id, invoice_id, account_id, currency, amount, reversed, rule,
       ledger_transaction_id, restores
  FROM allocations WHERE payment_id = ANY($1::text[]) AND reversed_at IS NULL
