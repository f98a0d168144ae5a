-- Keys whose first command may go on or is at its deadline: those that never failed, or ($4) those
-- whose failing first command is to be tried again. What stands behind waits for its turn, also
-- beyond its deadline: it ends when its turn comes.
SELECT w.wait_key, w.waiting_id
FROM waiting_commands w
LEFT JOIN failing_items f ON f.kind = 'command' AND f.item = w.waiting_id::text
WHERE NOT EXISTS (SELECT 1 FROM waiting_commands earlier
                   WHERE earlier.wait_key = w.wait_key AND earlier.waiting_id < w.waiting_id)
  AND CASE WHEN $4 THEN next_try(f.tried_at, f.attempts, f.code) <= $1 ELSE f.item IS NULL END
  AND (w.deadline <= $1
       OR w.needs IN ('queue', 'version')
       -- Usage is known up to the instant that its proof needs, in microseconds.
       OR CASE WHEN w.needs LIKE 'proof:%' THEN substr(w.needs, 7)::bigint <= $3 END
       OR EXISTS (SELECT 1 FROM invoices i WHERE w.needs = 'invoice:' || i.invoice_id
                     AND i.invoice_id = substr(w.needs, 9))
       OR EXISTS (SELECT 1 FROM payments p WHERE w.needs = 'payment:' || p.payment_id
                     AND p.payment_id = substr(w.needs, 9))
       OR EXISTS (SELECT 1 FROM usage_charges c WHERE w.needs LIKE 'usage:%'
                     AND c.account_id = split_part(substr(w.needs, 7), '/', 1)
                     AND c.usage_id = key_whole(split_part(w.needs, '/', 2)))
       OR EXISTS (SELECT 1 FROM holds h WHERE w.needs LIKE 'hold:%'
                     AND h.account_id = split_part(substr(w.needs, 6), '/', 1)
                     AND h.hold_id = key_whole(split_part(w.needs, '/', 2))))
ORDER BY coalesce(f.tried_at, w.since), w.waiting_id LIMIT $2
