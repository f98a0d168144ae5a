-- Returns that were applied, by the bank's ids of them or of what they returned (of its parts too),
-- and those of the payments $3 and of their parts, with what was undone since.
SELECT r.return_id, r.bank_account, r.bank_transaction_id, r.payment_id, p.account_id, r.currency,
       r.amount, coalesce(u.amount, 0)::bigint AS undone,
       (r.removed - coalesce(u.removed, 0))::bigint AS removed,
       (r.fee - coalesce(u.fee, 0))::bigint AS fee
  FROM (SELECT k.return_id
          FROM unnest($1::text[], $2::text[]) AS n(bank_account, word)
          JOIN payment_returns k ON k.bank_account = n.bank_account
           AND k.bank_transaction_id = n.word
         UNION
        SELECT k.return_id
          FROM unnest($1::text[], $2::text[]) AS n(bank_account, word)
          JOIN bank_transactions b ON b.bank_account = n.bank_account
           AND b.bank_key = 'id:' || n.word
          JOIN payment_returns k ON k.payment_id = b.payment_id
         UNION
        SELECT k.return_id
          FROM unnest($1::text[], $2::text[]) AS n(bank_account, word)
          JOIN bank_transactions b ON b.bank_account = n.bank_account
           AND b.bank_key = 'id:' || n.word
          JOIN payment_splits s ON s.payment_id = b.payment_id
          JOIN payment_returns k ON k.payment_id = s.part_id
         UNION
        SELECT k.return_id FROM payment_returns k WHERE k.payment_id = ANY($3::text[])
         UNION
        SELECT k.return_id
          FROM payment_splits s JOIN payment_returns k ON k.payment_id = s.part_id
         WHERE s.payment_id = ANY($3::text[])) f
  JOIN payment_returns r USING (return_id)
  JOIN payments p ON p.payment_id = r.payment_id
  LEFT JOIN LATERAL (SELECT sum(k.amount) AS amount, sum(k.removed) AS removed, sum(k.fee) AS fee
                       FROM payment_returns k WHERE k.undoes = r.return_id) u ON true
 WHERE r.undoes IS NULL
