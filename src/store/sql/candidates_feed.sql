-- The bank account whose feed is known for the shortest time, or not at all: no statement of it
-- counts. It blocks what needs to know that no money came. The accounts are found one after the
-- other, and of each the latest statement.
-- Indexes: bank_transactions_pkey, bank_statements_through.
WITH RECURSIVE booked (bank_account) AS (
    (SELECT bank_account FROM bank_transactions ORDER BY bank_account LIMIT 1)
    UNION ALL
    SELECT (SELECT t.bank_account FROM bank_transactions t WHERE t.bank_account > b.bank_account
            ORDER BY t.bank_account LIMIT 1)
    FROM booked b WHERE b.bank_account IS NOT NULL),
told (bank_account) AS (
    (SELECT bank_account FROM bank_statements ORDER BY bank_account LIMIT 1)
    UNION ALL
    SELECT (SELECT s.bank_account FROM bank_statements s WHERE s.bank_account > t.bank_account
            ORDER BY s.bank_account LIMIT 1)
    FROM told t WHERE t.bank_account IS NOT NULL),
feeds AS (SELECT bank_account FROM booked UNION SELECT bank_account FROM told)
SELECT f.bank_account, f.through,
       f.through IS NULL
       AND EXISTS (SELECT 1 FROM bank_statements s WHERE s.bank_account = f.bank_account
                      AND s.complete_through > s.recorded_at + $1) AS in_future
FROM (
    SELECT b.bank_account, (SELECT s.complete_through FROM bank_statements s
             WHERE s.bank_account = b.bank_account
               -- Who speaks of the future knows nothing.
               AND s.complete_through <= s.recorded_at + $1
             ORDER BY s.complete_through DESC LIMIT 1) AS through
    FROM feeds b WHERE b.bank_account IS NOT NULL) f
ORDER BY f.through NULLS FIRST, f.bank_account LIMIT 1
