-- What a payer's account says of them has changed. Their rows are locked.
UPDATE accounts SET book_version = book_version + 1 WHERE account_id = ANY($1::text[])
