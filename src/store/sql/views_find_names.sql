-- Customers whose names have these words. Index: accounts_name_words.
SELECT account_id
  FROM accounts
 WHERE name_words(name) @> array_remove(name_words($1), '')
 LIMIT 20
