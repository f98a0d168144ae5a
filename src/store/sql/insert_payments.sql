INSERT INTO payments (payment_id, account_id, currency, amount, allocated, state, reason, origin,
    received_on, method, reference, remark, event_sequence, recorded_at)
SELECT n.*, $14 FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[],
    $6::text[], $7::text[], $8::text[], $9::date[], $10::text[], $11::text[], $12::text[],
    $13::bigint[]) AS n
