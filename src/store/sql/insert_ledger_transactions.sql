INSERT INTO ledger_transactions (ledger_transaction_id, kind, payment_id, said, posted_at)
SELECT n.*, $4 FROM (SELECT unnest($1::bigint[]) AS ledger_transaction_id,
    unnest($2::text[]) AS kind,
    unnest($3::text[]) AS payment_id,
    unnest($5::text[]) AS said) AS n
