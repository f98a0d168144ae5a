INSERT INTO ledger_transactions (ledger_transaction_id, kind, payment_id, posted_at)
SELECT n.*, $4 FROM unnest($1::bigint[], $2::text[], $3::text[]) AS n
