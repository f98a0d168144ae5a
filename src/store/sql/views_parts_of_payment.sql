-- The parts of one payment, or the payment that it is a part of. Indexes: payment_splits_pkey, the
-- unique one of payment_id and part, payments_pkey, split_undos_pkey.
SELECT s.part_id, s.payment_id, s.part, s.account_id, s.currency, s.amount, p.state, s.reason,
       s.split_at, u.undone_at, u.return_id, u.reason AS undone_reason
  FROM (SELECT * FROM payment_splits WHERE payment_id = $1
         UNION ALL
        SELECT * FROM payment_splits WHERE part_id = $1) s
  JOIN payments p ON p.payment_id = s.part_id
  LEFT JOIN split_undos u ON u.part_id = s.part_id
 ORDER BY s.payment_id, s.part
 LIMIT 200
