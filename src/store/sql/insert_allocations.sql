INSERT INTO allocations (allocation_id, payment_id, invoice_id, account_id, currency, amount,
                         rule, ledger_transaction_id, restores, reversed, allocated_at,
                         reversed_at)
SELECT n.*, $11, CASE WHEN n.reversed = n.amount THEN $11::timestamptz END
  FROM (SELECT unnest($1::bigint[]) AS allocation_id,
    unnest($2::text[]) AS payment_id, unnest($3::text[]) AS invoice_id,
    unnest($4::text[]) AS account_id, unnest($5::text[]) AS currency,
    unnest($6::bigint[]) AS amount, unnest($7::text[]) AS rule,
    unnest($8::bigint[]) AS ledger_transaction_id, unnest($9::bigint[]) AS restores,
    unnest($10::bigint[]) AS reversed) AS n
