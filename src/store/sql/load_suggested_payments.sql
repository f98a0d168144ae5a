SELECT DISTINCT payment_id FROM suggestion_payments WHERE suggestion_id = ANY($1::text[])
