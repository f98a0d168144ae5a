SELECT account_id, hold_id, currency, amount, released, state, placed_at, ended_at
FROM holds WHERE account_id = ANY($1::text[]) AND state = 'live'
