-- When each of these customers was described last. Index: accounts_pkey.
SELECT account_id, described_at FROM accounts
 WHERE account_id = ANY($1::text[]) AND described_at IS NOT NULL
