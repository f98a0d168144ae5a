-- Live holds that are to expire and never failed. Index: holds_live.
SELECT h.account_id, h.hold_id, h.currency, h.amount
  FROM holds h
 WHERE h.state = 'live' AND h.placed_at <= $1
   AND (SELECT true FROM failing_items f WHERE f.kind = 'hold'
           AND f.item = key_joined(h.account_id, h.hold_id) LIMIT 1) IS NULL
 ORDER BY h.placed_at LIMIT $2
