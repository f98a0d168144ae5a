INSERT INTO remittance_advices (bank_account, advice_id, content_hash, payer_account,
    payment_reference, payer_key, reference_key, currency, amount, state, used_by_payment,
    received_at, expires_at, source, message_id)
SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::text[], $6::text[],
    $7::text[], $8::text[], $9::bigint[], $10::text[], $11::text[], $12::timestamptz[],
    $13::timestamptz[], $14::text[], $15::text[])
