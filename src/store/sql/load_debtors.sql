SELECT payment_id, bank_account, debtor_account FROM bank_transactions
WHERE payment_id = ANY($1::text[]) AND debtor_account IS NOT NULL
