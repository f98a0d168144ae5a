SELECT account_id, currency, amount FROM balances WHERE account_id = ANY($1::text[])
