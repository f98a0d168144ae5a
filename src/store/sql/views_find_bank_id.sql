-- Payments that the bank knows by this id, in any of our bank accounts. Index:
-- bank_transactions_pkey, once per bank account: the recursive part jumps from one to the next.
WITH RECURSIVE banks (bank_account) AS (
    (SELECT bank_account FROM bank_transactions ORDER BY bank_account LIMIT 1)
    UNION ALL
    SELECT (SELECT t.bank_account FROM bank_transactions t
             WHERE t.bank_account > b.bank_account ORDER BY t.bank_account LIMIT 1)
      FROM banks b
     WHERE b.bank_account IS NOT NULL
)
SELECT t.payment_id
  FROM banks b
 CROSS JOIN LATERAL (
       -- OFFSET 0: by the key, never from all payments to this id.
       SELECT o.payment_id FROM bank_transactions o
        WHERE o.bank_account = b.bank_account AND o.bank_key = 'id:' || $1 OFFSET 0) t
 WHERE t.payment_id IS NOT NULL
 LIMIT 20
