INSERT INTO bank_feeds (bank_account) SELECT unnest($1::text[]) ORDER BY 1
ON CONFLICT (bank_account) DO NOTHING
