-- The same once more, under the locks of their accounts. Where the bank's feed is behind, nothing
-- is known: `stale` is NULL.
SELECT invoice_id, account_id, currency, due, due_date, stale_since, days, stale FROM (
    SELECT f.invoice_id, f.account_id, f.currency, f.due, f.due_date, f.stale_since,
       f.candidate_since, coalesce(f.stale_after_days, $2) AS days,
       CASE WHEN z.today IS NOT NULL THEN
           f.allocated = 0 AND NOT f.named AND NOT f.payable
           AND f.stale_since + make_interval(days => coalesce(f.stale_after_days, $2)) <= $1
           AND (f.due_date IS NULL OR f.due_date < z.today)
           AND (f.keep_until IS NULL OR f.keep_until <= z.today)
           AND f.invoice_id <> ALL ($4::text[]) END AS stale
    FROM candidate_facts f
    LEFT JOIN unnest($3::text[], $6::date[]) AS z(zone, today)
        ON z.zone = coalesce(f.time_zone, '')
    WHERE f.invoice_id = ANY($5::text[])) page
WHERE stale IS DISTINCT FROM (candidate_since IS NOT NULL)
ORDER BY account_id, invoice_id
