SELECT account_id, name AS account_name, event_sequence, book_version,
       closed_at IS NOT NULL AS closed, time_zone,
       level_currencies, level_amounts
FROM accounts WHERE account_id = ANY($1::text[])
ORDER BY account_id FOR NO KEY UPDATE
