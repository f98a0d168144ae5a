-- Accounts in the order of their ids. Index: accounts_pkey.
SELECT account_id, name, closed_at, created_at, updated_at
  FROM accounts
 WHERE account_id > coalesce($1::text, '')
 ORDER BY account_id
 LIMIT $2
