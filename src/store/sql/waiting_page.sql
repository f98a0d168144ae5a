-- Of the commands behind $5 and $6, up to $7 and $8 and at most $4 of them, that stand behind no
-- other: those that may go on or are at their deadline and never failed, and the last that was
-- looked at. Each look-up is a subquery with a LIMIT: that can only be done by index, however many
-- there are. Index: waiting_commands_turn.
WITH page AS (
    SELECT p.*, row_number() OVER (ORDER BY p.wait_key, p.waiting_id) AS place
      FROM (SELECT wait_key, waiting_id, needs, deadline, since
              FROM waiting_commands
             WHERE behind IS NULL AND (wait_key, waiting_id) > ($5, $6)
               AND ($7::text IS NULL OR (wait_key, waiting_id) <= ($7, $8))
             ORDER BY wait_key, waiting_id LIMIT $4) p)
SELECT w.wait_key, w.waiting_id, w.place, d.due, w.since
  FROM page w
 CROSS JOIN LATERAL (
    SELECT (SELECT true FROM failing_items f
             WHERE f.kind = 'command' AND f.item = w.waiting_id::text LIMIT 1) IS NULL
       AND (w.deadline <= $1 OR coalesce(CASE
           WHEN w.needs IN ('queue', 'version') OR w.needs LIKE 'behind:%' THEN true
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
           END, false)) AS due OFFSET 0) d
 WHERE d.due OR w.place = $4
 ORDER BY w.place LIMIT $2
