SELECT p.payment_id FROM payments p
WHERE p.payment_id > $1 AND p.origin = 'bank'
  AND p.state IN ('parked', 'on_account', 'partly_allocated') AND p.recorded_at <= $3
ORDER BY p.payment_id LIMIT $2
