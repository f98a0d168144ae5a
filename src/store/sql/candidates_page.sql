-- Whose flag is not what it should be, on one page of the invoices that await payment.
SELECT invoice_id, account_id, stale FROM (
    SELECT f.invoice_id, f.account_id, f.candidate_since,
       f.allocated = 0 AND NOT f.named AND NOT f.payable
           AND f.stale_since + make_interval(days => coalesce(f.stale_after_days, $2)) <= $1
           AND (f.due_date IS NULL OR f.due_date < $3)
           AND (f.keep_until IS NULL OR f.keep_until <= $3)
           AND NOT ('ref:' || f.payment_reference = ANY($4::text[])
                    OR 'number:' || f.number_key = ANY($4::text[])) AS stale
    FROM candidate_facts f
    WHERE f.invoice_id > $5 AND ($6::text IS NULL OR f.invoice_id <= $6)) page
WHERE stale <> (candidate_since IS NOT NULL)
