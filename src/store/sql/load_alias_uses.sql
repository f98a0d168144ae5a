SELECT payment_id, payer_account, account_id FROM payer_alias_uses
WHERE payment_id = ANY($1::text[])
