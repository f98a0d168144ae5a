-- Whose flag may have to change, on one page of the invoices that await payment: those that have
-- one, and those that are old enough and of which nothing is paid. That is a superset of what
-- `domain::void_candidate` changes; what may be meant for an invoice is not looked up here.
SELECT invoice_id FROM candidate_facts
-- No id has a letter that is behind this one.
WHERE invoice_id > $3 AND invoice_id <= coalesce($4::text, '~')
  AND (candidate_since IS NOT NULL
       OR allocated = 0
          AND stale_since + make_interval(days => coalesce(stale_after_days, $2)) <= $1)
