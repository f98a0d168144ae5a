INSERT INTO accounts (account_id, created_at, updated_at)
SELECT named.id, $2, $2 FROM unnest($1::text[]) AS named(id) ORDER BY named.id
ON CONFLICT (account_id) DO NOTHING
