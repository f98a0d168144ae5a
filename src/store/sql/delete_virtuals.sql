DELETE FROM virtual_accounts WHERE account_id = ANY($1::text[])
