SELECT content_hash, outcome FROM inbox WHERE source = $1 AND message_id = $2 FOR NO KEY UPDATE
