-- What a person's act on a payment begins with: whose it is, and how often it was split.
SELECT p.account_id,
       (SELECT s.account_id FROM payment_splits s
         WHERE s.payment_id = p.payment_id
           AND NOT EXISTS (SELECT 1 FROM split_undos u WHERE u.part_id = s.part_id)
         ORDER BY s.part LIMIT 1) AS part_account,
       (SELECT count(*) FROM payment_splits s WHERE s.payment_id = p.payment_id) AS parts
  FROM payments p WHERE p.payment_id = $1
