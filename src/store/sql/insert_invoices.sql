INSERT INTO invoices (invoice_id, account_id, name, currency, amount, allocated, status,
    payment_reference, number_key, due_date, created_at, sent_at, provisioned_at, voided_at,
    void_reason, keep_until, stale_since)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[],
    $7::text[], $8::text[], $9::text[], $10::date[], $11::timestamptz[], $12::timestamptz[],
    $13::timestamptz[], $14::timestamptz[], $15::text[], $16::date[], $17::timestamptz[])
