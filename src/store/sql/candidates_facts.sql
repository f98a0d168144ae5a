-- What is known of these invoices, as far as they await payment. The rule of staleness is
-- `domain::void_candidate`. No invoice is kept for longer than a calendar of ours goes.
SELECT invoice_id, account_id, currency, due, allocated <> 0 AS part_paid, due_date,
       least(keep_until, DATE '9999-12-31') AS keep_until, stale_since, stale_after_days,
       time_zone, named OR payable AS wanted, candidate_since
FROM candidate_facts WHERE invoice_id = ANY($1::text[])
ORDER BY account_id, invoice_id
