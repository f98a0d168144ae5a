SELECT account_id, currency, amount FROM credit_limits WHERE account_id = ANY($1::text[])
