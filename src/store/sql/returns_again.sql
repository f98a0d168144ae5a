-- Parked returns that failed and are to be tried again, the longest untried first.
SELECT p.bank_account, p.bank_key, p.parked_at
  FROM failing_items f
  JOIN parked_returns p ON p.bank_account = key_whole(split_part(f.item, '/', 1))
   AND p.bank_key = key_whole(split_part(f.item, '/', 2))
 WHERE f.kind = 'return' AND next_try(f.tried_at, f.attempts, f.code) <= $1
 ORDER BY f.tried_at, p.bank_account, p.bank_key LIMIT $2
