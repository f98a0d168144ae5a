-- Parked returns of the bank accounts of these payments that wait for this reason are tried again:
-- those that name one of the payments first, then the longest parked, and $4 of them; the others
-- within the hour. The order is that in which all lock them. Indexes:
-- bank_transactions_payment_id_key, parked_returns_wait_for_persons, parked_returns_pkey.
UPDATE parked_returns r SET woken_at = $3
  FROM (SELECT p.bank_account, p.bank_key
          FROM (SELECT p.bank_account, p.bank_key
                  FROM (SELECT b.bank_account, b.bank_key, n.why
                          FROM unnest($1::text[], $2::text[]) AS n(payment_id, why)
                          JOIN bank_transactions b ON b.payment_id = n.payment_id) n
                  JOIN parked_returns p ON p.bank_account = n.bank_account AND p.why = n.why
                 WHERE p.why IN ('original_in_doubt', 'split_payment')
                 GROUP BY p.bank_account, p.bank_key
                 ORDER BY bool_or(coalesce(p.original_key = n.bank_key, false)) DESC,
                       min(p.parked_at), p.bank_account, p.bank_key
                 LIMIT $4) few
          JOIN parked_returns p USING (bank_account, bank_key)
         ORDER BY p.bank_account, p.bank_key
           FOR UPDATE OF p) woken
 WHERE r.bank_account = woken.bank_account AND r.bank_key = woken.bank_key
