SELECT virtual_account, account_id FROM virtual_accounts WHERE virtual_account = ANY($1::text[])
