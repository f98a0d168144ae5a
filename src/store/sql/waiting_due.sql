SELECT w.wait_key
FROM waiting_commands w
WHERE w.deadline <= $1
   OR (NOT EXISTS (SELECT 1 FROM waiting_commands earlier
                    WHERE earlier.wait_key = w.wait_key AND earlier.waiting_id < w.waiting_id)
       AND (w.needs = 'queue'
            -- Usage is known up to the instant that its proof needs, in microseconds.
            OR CASE WHEN w.needs LIKE 'proof:%' THEN substr(w.needs, 7)::bigint <= $3 END
            OR EXISTS (SELECT 1 FROM invoices i WHERE w.needs = 'invoice:' || i.invoice_id
                          AND i.invoice_id = substr(w.needs, 9))
            OR EXISTS (SELECT 1 FROM payments p WHERE w.needs = 'payment:' || p.payment_id
                          AND p.payment_id = substr(w.needs, 9))
            OR EXISTS (SELECT 1 FROM usage_charges c WHERE w.needs LIKE 'usage:%'
                          AND c.account_id = split_part(substr(w.needs, 7), '/', 1)
                          AND c.usage_id = split_part(w.needs, '/', 2))
            OR EXISTS (SELECT 1 FROM holds h WHERE w.needs LIKE 'hold:%'
                          AND h.account_id = split_part(substr(w.needs, 6), '/', 1)
                          AND h.hold_id = split_part(w.needs, '/', 2))))
GROUP BY w.wait_key ORDER BY min(w.waiting_id) LIMIT $2
