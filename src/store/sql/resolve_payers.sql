SELECT payer_account, account_id FROM payer_accounts WHERE payer_account = ANY($1::text[])
