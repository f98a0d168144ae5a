INSERT INTO virtual_accounts (virtual_account, account_id)
SELECT * FROM unnest($1::text[], $2::text[])
