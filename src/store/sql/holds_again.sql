-- Live holds that failed when they were to expire and are to be tried again.
SELECT h.account_id, h.hold_id, h.currency, h.amount
  FROM failing_items f
  JOIN holds h ON h.account_id = key_whole(split_part(f.item, '/', 1))
   AND h.hold_id = key_whole(split_part(f.item, '/', 2))
 WHERE f.kind = 'hold' AND h.state = 'live' AND h.placed_at <= $1
   AND next_try(f.tried_at, f.attempts, f.code) <= $3
 ORDER BY f.tried_at, h.account_id, h.hold_id LIMIT $2
