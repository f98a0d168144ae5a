INSERT INTO balances AS b (account_id, currency, amount, updated_at)
SELECT n.*, $4 FROM (SELECT unnest($1::text[]) AS account_id, unnest($2::text[]) AS currency,
    unnest($3::bigint[]) AS amount) AS n
ON CONFLICT (account_id, currency)
DO UPDATE SET amount = b.amount + EXCLUDED.amount, updated_at = EXCLUDED.updated_at
RETURNING b.account_id, b.currency, b.amount
