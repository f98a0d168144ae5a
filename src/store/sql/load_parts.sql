-- All parts that payments ever had, in the order of their numbers, and whose they are.
SELECT s.payment_id, s.part_id, s.account_id
  FROM payment_splits s WHERE s.payment_id = ANY($1::text[])
 ORDER BY s.payment_id, s.part
