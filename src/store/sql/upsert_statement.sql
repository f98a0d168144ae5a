INSERT INTO bank_statements (bank_account, statement_id, currency, opening_balance,
    closing_balance, entries, complete_through, recorded_at)
VALUES ($1, $2, $3, $4::text::numeric, $5::text::numeric, $6, $7, $8)
ON CONFLICT (bank_account, statement_id, currency, day) DO UPDATE
SET opening_balance = EXCLUDED.opening_balance, closing_balance = EXCLUDED.closing_balance,
    entries = EXCLUDED.entries, complete_through = EXCLUDED.complete_through,
    recorded_at = EXCLUDED.recorded_at
