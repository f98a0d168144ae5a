-- Nearly all are known: to look costs a third less than an insert that finds a conflict.
INSERT INTO accounts (account_id, created_at, updated_at)
SELECT named.id, $2, $2 FROM unnest($1::text[]) AS named(id)
WHERE NOT EXISTS (SELECT FROM accounts a WHERE a.account_id = named.id) ORDER BY named.id
ON CONFLICT (account_id) DO NOTHING
