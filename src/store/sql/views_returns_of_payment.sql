-- What the bank took back of one payment and of its parts, and what undid that.
-- Indexes: payment_returns_payment, the unique one of payment_id and part.
SELECT r.return_id, r.payment_id, r.bank_account, r.bank_key, r.undoes, r.currency, r.amount,
       r.fee, r.unallocated, r.unspent, r.clawed_back, r.reason, r.said, r.returned_at
  FROM (SELECT $1::text AS payment_id
         UNION ALL
        SELECT part_id FROM payment_splits WHERE payment_id = $1) n
  JOIN payment_returns r ON r.payment_id = n.payment_id
 ORDER BY r.return_id
 LIMIT 200
