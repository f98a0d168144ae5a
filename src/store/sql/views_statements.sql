-- views_statements: the latest statements of each bank account and currency; $1 is what clocks may
-- differ by, $2 one bank account or all.
SELECT bank_account, statement_id, currency, opening_balance::text AS opening_balance,
       closing_balance::text AS closing_balance, entries, complete_through, recorded_at,
       complete_through > recorded_at + $1::interval AS in_future
  FROM (SELECT s.*, row_number() OVER (PARTITION BY bank_account, currency
                                       ORDER BY complete_through DESC, statement_id) AS place
          FROM bank_statements s WHERE $2::text IS NULL OR bank_account = $2) s
 WHERE place <= $3
 ORDER BY bank_account, currency, place
