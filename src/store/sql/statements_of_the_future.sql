-- Statements that said, when they came, that all is known up to an instant more than a day later,
-- and that instant is after $1 still. A bank may close its day before it is over.
SELECT bank_account, statement_id, currency, complete_through, recorded_at
  FROM bank_statements
 WHERE complete_through > recorded_at + interval '1 day' AND complete_through > $1
 ORDER BY bank_account, statement_id, currency, complete_through LIMIT 100
