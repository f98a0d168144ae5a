-- Live holds of one account, the oldest first. Index: holds_live_of_account.
SELECT hold_id, currency, amount - released AS held, placed_at FROM holds
 WHERE account_id = $1 AND state = 'live' ORDER BY placed_at, hold_id LIMIT $2
