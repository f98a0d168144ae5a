-- The bank account after $1 that has entries or statements; none after the last.
-- Indexes: bank_transactions_pkey, bank_statements_pkey.
SELECT least(
    (SELECT t.bank_account FROM bank_transactions t WHERE t.bank_account > $1::text
      ORDER BY t.bank_account LIMIT 1),
    (SELECT s.bank_account FROM bank_statements s WHERE s.bank_account > $1::text
      ORDER BY s.bank_account LIMIT 1))
