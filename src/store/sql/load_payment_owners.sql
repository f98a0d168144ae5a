-- Index: payments_pkey.
SELECT payment_id, account_id FROM payments WHERE payment_id = ANY($1::text[])
