-- Of the keys behind $5, up to $6 and at most $4 of them: those whose first command may go on or is
-- at its deadline and never failed, and the last key that was looked at. What stands behind waits
-- for its turn, also beyond its deadline: it ends when its turn comes. Each look-up is a subquery
-- with a LIMIT: that can only be done by index, however many keys there are.
WITH RECURSIVE looked_at (wait_key, place) AS (
    (SELECT wait_key, 1::bigint FROM waiting_commands WHERE wait_key > $5
      ORDER BY wait_key LIMIT 1)
    UNION ALL
    SELECT (SELECT w.wait_key FROM waiting_commands w WHERE w.wait_key > l.wait_key
             ORDER BY w.wait_key LIMIT 1), l.place + 1
      FROM looked_at l WHERE l.wait_key IS NOT NULL AND l.place < $4)
SELECT l.wait_key, l.place, w.due, w.since, w.waiting_id
FROM looked_at l
CROSS JOIN LATERAL (
    SELECT (SELECT true FROM failing_items f
             WHERE f.kind = 'command' AND f.item = w.waiting_id::text LIMIT 1) IS NULL
       AND (w.deadline <= $1 OR coalesce(CASE
           WHEN w.needs IN ('queue', 'version') THEN true
           -- Usage is known up to the instant that its proof needs, in microseconds.
           WHEN w.needs LIKE 'proof:%' THEN substr(w.needs, 7)::bigint <= $3
           WHEN w.needs LIKE 'invoice:%' THEN
               (SELECT true FROM invoices i WHERE i.invoice_id = substr(w.needs, 9) LIMIT 1)
           WHEN w.needs LIKE 'payment:%' THEN
               (SELECT true FROM payments p WHERE p.payment_id = substr(w.needs, 9) LIMIT 1)
           WHEN w.needs LIKE 'usage:%' THEN
               (SELECT true FROM usage_charges c
                 WHERE c.account_id = split_part(substr(w.needs, 7), '/', 1)
                   AND c.usage_id = key_whole(split_part(w.needs, '/', 2)) LIMIT 1)
           WHEN w.needs LIKE 'hold:%' THEN
               (SELECT true FROM holds h
                 WHERE h.account_id = split_part(substr(w.needs, 6), '/', 1)
                   AND h.hold_id = key_whole(split_part(w.needs, '/', 2)) LIMIT 1)
           END, false)) AS due, w.since, w.waiting_id
      FROM (SELECT f.waiting_id, f.needs, f.deadline, f.since FROM waiting_commands f
             WHERE f.wait_key = l.wait_key ORDER BY f.waiting_id LIMIT 1) w OFFSET 0) w
WHERE l.wait_key IS NOT NULL AND ($6::text IS NULL OR l.wait_key <= $6)
  AND (w.due OR l.place = $4)
ORDER BY l.place LIMIT $2
