-- A customer may live in a time zone of its own: the day of its due dates and the business day that
-- the bank's feed may be behind are that zone's.
ALTER TABLE accounts ADD COLUMN time_zone text COLLATE "C"
    CHECK (time_zone !~ '[^A-Za-z0-9/_+-]' AND length(time_zone) BETWEEN 1 AND 64);
CREATE INDEX accounts_time_zone ON accounts (time_zone) WHERE time_zone IS NOT NULL;

CREATE OR REPLACE VIEW candidate_facts AS
SELECT i.invoice_id, i.account_id, i.currency, p.due, i.due_date, i.stale_since, i.keep_until,
       i.candidate_since, i.allocated, i.payment_reference, i.number_key, a.stale_after_days,
       -- Money that may be meant for it: a payment that names it, …
       EXISTS (SELECT 1 FROM watches w WHERE w.watch_key
                IN ('ref:' || i.payment_reference, 'number:' || i.number_key)) AS named,
       -- … or that could pay it in full from the same account.
       EXISTS (SELECT 1 FROM payments m
                WHERE m.account_id = i.account_id AND m.currency = i.currency
                  AND m.state IN ('on_account', 'parked', 'partly_allocated')
                  AND m.amount - m.allocated - m.returned - m.refunded >= p.due) AS payable,
       a.time_zone
FROM payable_invoices p
JOIN invoices i ON i.invoice_id = p.invoice_id
JOIN accounts a ON a.account_id = i.account_id;
