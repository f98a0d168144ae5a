-- Whose flag is not what it should be, on one page of the invoices that await payment. A zone that
-- is not among $3 has no day yet: the bank's feed is behind there, and its flags stay as they are.
SELECT invoice_id, account_id, stale FROM (
    SELECT f.invoice_id, f.account_id, f.candidate_since,
       f.allocated = 0 AND NOT f.named AND NOT f.payable
           AND f.stale_since + make_interval(days => coalesce(f.stale_after_days, $2)) <= $1
           AND (f.due_date IS NULL OR f.due_date < z.today)
           AND (f.keep_until IS NULL OR f.keep_until <= z.today)
           AND f.invoice_id <> ALL ($4::text[]) AS stale
    FROM candidate_facts f
    JOIN unnest($3::text[], $7::date[]) AS z(zone, today) ON z.zone = coalesce(f.time_zone, '')
    -- No id has a letter that is behind this one.
    WHERE f.invoice_id > $5 AND f.invoice_id <= coalesce($6::text, '~')) page
WHERE stale <> (candidate_since IS NOT NULL)
