-- Parts, and those of them or of earlier ones that went back: what a payment gave is what both say,
-- so both are written by one statement.
WITH made AS (
    INSERT INTO payment_splits (part_id, payment_id, part, account_id, currency, amount, reason,
        ledger_transaction_id, split_at)
    SELECT n.*, $14 FROM (SELECT unnest($1::text[]), unnest($2::text[]), unnest($3::integer[]),
        unnest($4::text[]), unnest($5::text[]), unnest($6::bigint[]), unnest($7::text[]),
        unnest($8::bigint[])) AS n
)
INSERT INTO split_undos (part_id, amount, return_id, reason, ledger_transaction_id, undone_at)
SELECT n.*, $14 FROM (SELECT unnest($9::text[]), unnest($10::bigint[]), unnest($11::bigint[]),
    unnest($12::text[]), unnest($13::bigint[])) AS n
