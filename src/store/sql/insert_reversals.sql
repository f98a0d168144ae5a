INSERT INTO allocation_reversals (reversal_id, allocation_id, kind, amount, clawed_back,
    return_id, reason, ledger_transaction_id, reversed_at)
SELECT n.*, $9 FROM (SELECT unnest($1::bigint[]), unnest($2::bigint[]), unnest($3::text[]),
    unnest($4::bigint[]), unnest($5::bigint[]), unnest($6::bigint[]), unnest($7::text[]),
    unnest($8::bigint[])) AS n
