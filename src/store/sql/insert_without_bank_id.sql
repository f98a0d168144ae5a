INSERT INTO payments_without_bank_id (payment_id, bank_account, booking_date, currency, amount,
    source, delivered_at, looks_like, payer)
SELECT * FROM unnest($1::text[], $2::text[], $3::date[], $4::text[], $5::bigint[], $6::text[],
    $7::timestamptz[], $8::text[], $9::text[])
