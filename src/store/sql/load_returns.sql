-- Returns that were applied, by the keys of their bank records, with what was undone since.
SELECT r.return_id, r.bank_account, r.bank_key, r.payment_id, p.account_id, r.currency, r.amount,
       coalesce((SELECT sum(u.amount) FROM payment_returns u WHERE u.undoes = r.return_id), 0)
           ::bigint AS undone
  FROM unnest($1::text[], $2::text[]) AS n(bank_account, bank_key)
  JOIN payment_returns r ON r.bank_account = n.bank_account AND r.bank_key = n.bank_key
  JOIN payments p ON p.payment_id = r.payment_id
 WHERE r.undoes IS NULL
