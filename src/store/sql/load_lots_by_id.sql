SELECT lot_id, account_id, currency, amount, remaining, debt_cleared, reversed, clawed_back,
       opened_at
FROM lots WHERE lot_id = ANY($1::bigint[])
