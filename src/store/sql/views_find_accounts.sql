-- What is known of these customers. Indexes: accounts_pkey, payer_accounts_account,
-- virtual_accounts_account.
SELECT a.account_id, a.name, a.closed_at, a.created_at,
       ARRAY(SELECT p.payer_account FROM payer_accounts p WHERE p.account_id = a.account_id
              LIMIT 100)
       || ARRAY(SELECT v.virtual_account FROM virtual_accounts v
                 WHERE v.account_id = a.account_id LIMIT 100)
       || ARRAY(SELECT s.payer_account FROM payer_aliases s WHERE s.account_id = a.account_id
                 LIMIT 100) AS numbers
  FROM accounts a
 WHERE a.account_id = ANY($1)
