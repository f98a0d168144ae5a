SELECT c.account_id, c.usage_id, c.charge_id, c.currency, c.amount, c.uncovered, c.kind, c.hold_id,
       c.occurred_at, c.ledger_transaction_id
FROM unnest($1::text[], $2::text[]) AS n(account_id, usage_id)
JOIN usage_charges c ON c.account_id = n.account_id AND c.usage_id = n.usage_id
