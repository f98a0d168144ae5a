SELECT lot_id, account_id, currency, amount, remaining, debt_cleared, reversed, clawed_back,
       opened_at
FROM lots WHERE account_id = ANY($1::text[]) AND is_open
ORDER BY account_id, opened_at, lot_id
