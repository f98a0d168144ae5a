INSERT INTO payment_returns (return_id, bank_account, bank_key, payment_id, undoes, currency,
    amount, unallocated, unspent, clawed_back, reason, returned_at)
SELECT n.*, $12 FROM (SELECT unnest($1::bigint[]), unnest($2::text[]), unnest($3::text[]),
    unnest($4::text[]), unnest($5::bigint[]), unnest($6::text[]), unnest($7::bigint[]),
    unnest($8::bigint[]), unnest($9::bigint[]), unnest($10::bigint[]), unnest($11::text[])) AS n
