-- Parked returns of the bank accounts of these payments that wait for this reason are tried again.
-- The order is that in which all lock them. Indexes: bank_transactions_payment_id_key,
-- parked_returns_wait_for_persons.
UPDATE parked_returns r SET woken_at = $3
  FROM (SELECT p.bank_account, p.bank_key
          FROM (SELECT DISTINCT b.bank_account, n.why
                  FROM unnest($1::text[], $2::text[]) AS n(payment_id, why)
                  JOIN bank_transactions b ON b.payment_id = n.payment_id) n
          JOIN parked_returns p ON p.bank_account = n.bank_account AND p.why = n.why
         WHERE p.why IN ('original_in_doubt', 'split_payment')
         ORDER BY p.bank_account, p.bank_key
           FOR UPDATE OF p) woken
 WHERE r.bank_account = woken.bank_account AND r.bank_key = woken.bank_key
