-- The payments that may be the same transfer as these, told before or again: at most $2 of each.
-- Indexes: bank_transactions_payment_id_key, told_again_pkey, told_again_earlier.
SELECT n.payment_id, t.payment_id AS other, p.account_id
  FROM unnest($1::text[]) AS n(payment_id)
  JOIN bank_transactions b ON b.payment_id = n.payment_id
  CROSS JOIN LATERAL (
    SELECT a.earlier_key AS bank_key FROM told_again a
     WHERE a.bank_account = b.bank_account AND a.bank_key = b.bank_key
    UNION ALL
    (SELECT a.bank_key FROM told_again a
      WHERE a.bank_account = b.bank_account AND a.earlier_key = b.bank_key LIMIT $2)) k
  JOIN bank_transactions t ON t.bank_account = b.bank_account AND t.bank_key = k.bank_key
  JOIN payments p ON p.payment_id = t.payment_id
