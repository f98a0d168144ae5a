INSERT INTO credit_limits (account_id, currency, amount)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
