INSERT INTO allocations (allocation_id, payment_id, invoice_id, account_id, currency, amount,
                         rule, ledger_transaction_id, allocated_at)
SELECT n.*, $9 FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[],
                           $6::bigint[], $7::text[], $8::bigint[]) AS n
