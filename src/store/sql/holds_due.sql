SELECT account_id, hold_id, currency, amount FROM holds
WHERE state = 'live' AND placed_at <= $1 ORDER BY placed_at LIMIT $2
