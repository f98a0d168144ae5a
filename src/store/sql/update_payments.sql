UPDATE payments p SET allocated = n.now, account_id = n.account_id, state = n.state,
       reason = n.reason, event_sequence = n.event_sequence, returned = n.returned,
       split = n.split, refunded = n.refunded, question = n.question
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[],
            $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[],
            $13::text[])
     AS n(payment_id, was, now, account_id, state, reason, event_sequence, was_returned, returned,
          was_split, split, refunded, question)
WHERE p.payment_id = n.payment_id AND p.allocated = n.was AND p.returned = n.was_returned
  AND p.split = n.was_split
