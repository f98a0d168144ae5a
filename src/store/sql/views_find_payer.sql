-- Customers to whom this account of a payer, or virtual account, belongs. Indexes:
-- payer_accounts_pkey, payer_aliases_pkey, virtual_accounts_pkey.
SELECT account_id FROM payer_accounts WHERE payer_account = $1
UNION SELECT account_id FROM payer_aliases WHERE payer_account = $1
UNION SELECT account_id FROM virtual_accounts WHERE virtual_account = $1
 LIMIT 20
