-- A page of the invoices that await payment is read from its first to its last, and for each of
-- them what may be meant for it. Each look-up is a subquery with a LIMIT: that can only be done row
-- by row through an index, also by a plan that was made for many rows; an EXISTS is also done by
-- reading all there is into a hash table.
CREATE OR REPLACE VIEW candidate_facts AS
SELECT p.invoice_id, i.account_id, i.currency, p.due, i.due_date, i.stale_since, i.keep_until,
       i.candidate_since, i.allocated, i.payment_reference, i.number_key, i.stale_after_days,
       -- Money that may be meant for it: a payment that names it or for which it is suggested, …
       (SELECT true FROM watches w WHERE w.watch_key
           IN ('ref:' || i.payment_reference, 'number:' || i.number_key) LIMIT 1) IS NOT NULL
       OR (SELECT true FROM suggestion_invoices si
             JOIN suggestions s ON s.suggestion_id = si.suggestion_id
            WHERE si.invoice_id = i.invoice_id AND s.status = 'open' LIMIT 1) IS NOT NULL AS named,
       -- … or that could pay it in full from the same account.
       (SELECT true FROM open_payments m
         WHERE m.account_id = i.account_id AND m.currency = i.currency
           AND m.free >= p.due LIMIT 1) IS NOT NULL AS payable,
       i.time_zone
FROM payable_invoices p
CROSS JOIN LATERAL (
    SELECT x.*, a.stale_after_days, a.time_zone
      FROM invoices x JOIN accounts a ON a.account_id = x.account_id
     WHERE x.invoice_id = p.invoice_id LIMIT 1) i;
