INSERT INTO payer_accounts (payer_account, account_id)
SELECT * FROM unnest($1::text[], $2::text[])
