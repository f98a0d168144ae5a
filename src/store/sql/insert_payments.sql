INSERT INTO payments (payment_id, account_id, currency, amount, allocated, state, reason, origin,
    received_on, method, reference, remark, event_sequence, split, refunded,
    returned, question, recorded_at)
SELECT n.*, $18 FROM (SELECT unnest($1::text[]) AS payment_id, unnest($2::text[]) AS account_id,
    unnest($3::text[]) AS currency, unnest($4::bigint[]) AS amount,
    unnest($5::bigint[]) AS allocated, unnest($6::text[]) AS state, unnest($7::text[]) AS reason,
    unnest($8::text[]) AS origin, unnest($9::date[]) AS received_on,
    unnest($10::text[]) AS method, unnest($11::text[]) AS reference,
    unnest($12::text[]) AS remark, unnest($13::bigint[]) AS event_sequence,
    unnest($14::bigint[]) AS split, unnest($15::bigint[]) AS refunded,
    unnest($16::bigint[]) AS returned, unnest($17::text[]) AS question) AS n
