-- Payments that were received on these days, of these amounts if any. Index: payments_days.
SELECT p.payment_id
  FROM unnest($1::date[]) d (received_on)
 CROSS JOIN LATERAL (SELECT payment_id FROM payments
                      WHERE received_on = d.received_on
                        AND ($2::bigint[] IS NULL OR amount = ANY($2))
                      ORDER BY recorded_at DESC LIMIT 100) p
