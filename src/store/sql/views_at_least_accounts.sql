-- The first id that is not before this one. Index: accounts_pkey.
SELECT account_id AS id
  FROM accounts
 WHERE account_id >= $1
 ORDER BY account_id
 LIMIT 1
