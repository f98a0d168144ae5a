-- A return of a payment takes of its own allocations, and of those of the parts that went back
-- with it.
SELECT format('return %s of payment %s', r.return_id, r.payment_id) AS subject,
       format('it took %s micros of allocation %s of payment %s', v.amount, a.allocation_id,
              a.payment_id) AS detail
  FROM allocation_reversals v
  JOIN payment_returns r ON r.return_id = v.return_id
  JOIN allocations a ON a.allocation_id = v.allocation_id
  LEFT JOIN payment_splits s ON s.part_id = a.payment_id
  LEFT JOIN split_undos u ON u.part_id = s.part_id
 WHERE a.payment_id <> r.payment_id
   AND (s.payment_id, u.return_id) IS DISTINCT FROM (r.payment_id, r.return_id)
UNION ALL
SELECT format('part %s', u.part_id),
       format('return %s took it back and is of payment %s', u.return_id, r.payment_id)
  FROM split_undos u
  JOIN payment_splits s USING (part_id)
  JOIN payment_returns r USING (return_id)
 WHERE r.payment_id <> s.payment_id
