WITH gone AS (DELETE FROM bank_statements
               WHERE bank_account = $1 AND statement_id = $2 AND currency = $3
                 AND complete_through = $4
              RETURNING *)
INSERT INTO statement_resets (bank_account, statement_id, currency, opening_balance,
    closing_balance, entries, complete_through, recorded_at, operator, reason, reset_at)
SELECT bank_account, statement_id, currency, opening_balance, closing_balance, entries,
       complete_through, recorded_at, $5, $6, $7 FROM gone
