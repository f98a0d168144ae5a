INSERT INTO balances AS b (account_id, currency, amount, updated_at)
SELECT n.*, $4 FROM unnest($1::text[], $2::text[], $3::bigint[]) AS n
ON CONFLICT (account_id, currency)
DO UPDATE SET amount = b.amount + EXCLUDED.amount, updated_at = EXCLUDED.updated_at
