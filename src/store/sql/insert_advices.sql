INSERT INTO remittance_advices (bank_account, advice_id, content_hash, payer_account,
    payment_reference, payer_key, reference_key, currency, amount, state, used_by_payment,
    received_at, expires_at, source, message_id, end_reason, ended_about, same_hash)
SELECT n.bank_account, n.advice_id, n.content_hash, n.payer_account, n.payment_reference,
       n.payer_key, n.reference_key, n.currency, n.amount, n.state, n.used_by_payment,
       n.received_at, n.expires_at, n.source, n.message_id, n.end_reason, n.ended_about,
       sha256(convert_to(n.words, 'UTF8'))
FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::text[], $6::text[],
         $7::text[], $8::text[], $9::bigint[], $10::text[], $11::text[], $12::timestamptz[],
         $13::timestamptz[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[])
       AS n(bank_account, advice_id, content_hash, payer_account, payment_reference, payer_key,
            reference_key, currency, amount, state, used_by_payment, received_at, expires_at,
            source, message_id, words, end_reason, ended_about)
