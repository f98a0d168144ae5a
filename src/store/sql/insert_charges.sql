INSERT INTO usage_charges (account_id, usage_id, charge_id, currency, amount, uncovered, kind,
                           hold_id, occurred_at, ledger_transaction_id, charged_at)
SELECT n.*, $11 FROM (SELECT unnest($1::text[]) AS account_id, unnest($2::text[]) AS usage_id,
    unnest($3::bigint[]) AS charge_id, unnest($4::text[]) AS currency,
    unnest($5::bigint[]) AS amount, unnest($6::bigint[]) AS uncovered, unnest($7::text[]) AS kind,
    unnest($8::text[]) AS hold_id, unnest($9::timestamptz[]) AS occurred_at,
    unnest($10::bigint[]) AS ledger_transaction_id) AS n
