-- Ids that begin as a mistyped one does; no id has a character beyond '~'. Index: accounts_pkey.
SELECT account_id AS id
  FROM accounts
 WHERE account_id >= $1 AND account_id < $1 || '~'
 ORDER BY account_id
 LIMIT 200
