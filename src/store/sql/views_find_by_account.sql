-- The newest payments of these customers, of these amounts if any. Index: payments_account_days.
SELECT p.payment_id
  FROM unnest($1::text[]) c (account_id)
 CROSS JOIN LATERAL (SELECT payment_id FROM payments
                      WHERE account_id = c.account_id
                        AND ($2::bigint[] IS NULL OR amount = ANY($2))
                      ORDER BY received_on DESC, recorded_at DESC LIMIT 50) p
