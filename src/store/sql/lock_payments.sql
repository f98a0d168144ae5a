SELECT payment_id, account_id, currency, amount, allocated, returned, refunded, split, state,
       reason, question, origin, received_on, method, reference, remark, event_sequence, recorded_at
FROM payments WHERE payment_id = ANY($1::text[])
ORDER BY payment_id FOR NO KEY UPDATE
