-- The bank account whose feed is known for the shortest time, or not at all ($1 as in
-- candidates_feed). It blocks what needs to know that no money came.
SELECT f.bank_account, f.through,
       EXISTS (SELECT 1 FROM bank_statements s WHERE s.bank_account = f.bank_account
                  AND s.complete_through > s.recorded_at + $1) AS in_future
FROM (
    SELECT b.bank_account, max(s.complete_through) AS through
    FROM (SELECT bank_account FROM bank_transactions
          UNION SELECT bank_account FROM bank_statements) b
    LEFT JOIN bank_statements s ON s.bank_account = b.bank_account
         AND s.complete_through <= s.recorded_at + $1
    GROUP BY b.bank_account) f
ORDER BY f.through NULLS FIRST, f.bank_account LIMIT 1
