-- Live holds that are to expire: those that never failed, or ($3) those that are to be tried again.
SELECT h.account_id, h.hold_id, h.currency, h.amount
  FROM holds h
  LEFT JOIN failing_items f ON f.kind = 'hold' AND f.item = key_joined(h.account_id, h.hold_id)
 WHERE h.state = 'live' AND h.placed_at <= $1
   AND CASE WHEN $3 THEN next_try(f.tried_at, f.attempts, f.code) <= $4 ELSE f.item IS NULL END
 ORDER BY h.placed_at LIMIT $2
