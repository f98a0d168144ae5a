INSERT INTO ledger_entries (ledger_transaction_id, line, ledger_account, account_id, currency,
                            amount)
SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::text[], $4::text[], $5::text[], $6::bigint[])
