-- Statements that name an entry beside its own.
INSERT INTO entry_statements (bank_account, bank_key, statement_id, recorded_at)
SELECT n.bank_account, n.bank_key, n.statement_id, $4
  FROM unnest($1::text[], $2::text[], $3::text[]) AS n (bank_account, bank_key, statement_id)
ON CONFLICT (bank_account, bank_key, statement_id) DO NOTHING
