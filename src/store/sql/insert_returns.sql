INSERT INTO payment_returns (return_id, bank_account, bank_key, payment_id, undoes, currency,
    amount, unallocated, unspent, clawed_back, reason, returned_at, removed, fee,
    bank_transaction_id, ledger_transaction_id, said)
SELECT n.return_id, n.bank_account, n.bank_key, n.payment_id, n.undoes, n.currency, n.amount,
    n.unallocated, n.unspent, n.clawed_back, n.reason, $12, n.removed, n.fee,
    n.bank_transaction_id, n.ledger_transaction_id, n.said
FROM (SELECT unnest($1::bigint[]) AS return_id, unnest($2::text[]) AS bank_account,
    unnest($3::text[]) AS bank_key, unnest($4::text[]) AS payment_id,
    unnest($5::bigint[]) AS undoes,
    unnest($6::text[]) AS currency, unnest($7::bigint[]) AS amount,
    unnest($8::bigint[]) AS unallocated, unnest($9::bigint[]) AS unspent,
    unnest($10::bigint[]) AS clawed_back, unnest($11::text[]) AS reason,
    unnest($13::bigint[]) AS removed, unnest($14::bigint[]) AS fee,
    unnest($15::text[]) AS bank_transaction_id,
    unnest($16::bigint[]) AS ledger_transaction_id, unnest($17::text[]) AS said) AS n
