INSERT INTO ledger_entries (ledger_transaction_id, line, ledger_account, account_id, currency,
                            amount)
SELECT n.* FROM (SELECT unnest($1::bigint[]) AS ledger_transaction_id,
    unnest($2::smallint[]) AS line,
    unnest($3::text[]) AS ledger_account, unnest($4::text[]) AS account_id,
    unnest($5::text[]) AS currency, unnest($6::bigint[]) AS amount) AS n
