SELECT bank_account, event_sequence FROM bank_feeds WHERE bank_account = ANY($1::text[])
ORDER BY bank_account FOR NO KEY UPDATE
