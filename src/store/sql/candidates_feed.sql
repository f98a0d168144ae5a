-- Up to when every bank account's feed is known; no row for an account means that nothing is.
SELECT min(through) FROM (
    SELECT b.bank_account, max(s.complete_through) AS through
    FROM (SELECT bank_account FROM bank_transactions
          UNION SELECT bank_account FROM bank_statements) b
    LEFT JOIN bank_statements s ON s.bank_account = b.bank_account
         -- Who speaks of the future knows nothing.
         AND s.complete_through <= s.recorded_at + $1
    GROUP BY b.bank_account) f
HAVING bool_and(through IS NOT NULL)
