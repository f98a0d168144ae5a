-- Customers that share a name, a few of each: one beside its own is all that anybody asks for.
-- Index: accounts_name_key.
SELECT asked.name, a.account_id
FROM unnest($1::text[]) AS asked(name)
CROSS JOIN LATERAL (
    SELECT account_id FROM accounts a WHERE name_key(a.name) = asked.name LIMIT $2) a
