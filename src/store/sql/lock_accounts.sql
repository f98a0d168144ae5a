SELECT account_id, event_sequence, closed_at IS NOT NULL
FROM accounts WHERE account_id = ANY($1::text[])
ORDER BY account_id FOR NO KEY UPDATE
