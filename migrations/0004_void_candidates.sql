-- Void candidates: a flag with its evidence, never a status. The invoice stays payable.

ALTER TABLE invoices ADD COLUMN candidate_since timestamptz;
ALTER TABLE invoices ADD CONSTRAINT invoice_candidate_awaits_payment
    CHECK (candidate_since IS NULL OR (status = 'awaiting_payment' AND allocated = 0));

-- One row an episode: from being flagged to being none any more.
CREATE TABLE void_candidates (
    invoice_id       text COLLATE "C" NOT NULL REFERENCES invoices,
    episode          integer NOT NULL CHECK (episode > 0),
    account_id       text COLLATE "C" NOT NULL,
    currency         currency_code NOT NULL,
    amount_due       bigint NOT NULL CHECK (amount_due > 0),
    due_date         date,
    -- The evidence: since when it is stale, after how many days, how far the bank's feed is known.
    stale_since      timestamptz NOT NULL,
    stale_after_days integer NOT NULL CHECK (stale_after_days BETWEEN 1 AND 3650),
    feed_complete_through timestamptz NOT NULL,
    -- The instant it was flagged for.
    flagged_at       timestamptz NOT NULL,
    cleared_at       timestamptz,
    cleared_by       text COLLATE "C"
                     CHECK (cleared_by IN ('paid', 'resent', 'kept', 'voided', 'not_stale')),
    PRIMARY KEY (invoice_id, episode),
    CONSTRAINT candidate_cleared_iff_stamped
        CHECK ((cleared_at IS NULL) = (cleared_by IS NULL)),
    CONSTRAINT candidate_was_stale
        CHECK (stale_since + make_interval(days => stale_after_days) <= flagged_at)
);
-- At most one episode of an invoice at a time.
CREATE UNIQUE INDEX void_candidates_live ON void_candidates (invoice_id)
    WHERE cleared_at IS NULL;

-- What the job decides by, for each invoice that awaits payment.
CREATE VIEW candidate_facts AS
SELECT i.invoice_id, i.account_id, i.currency, p.due, i.due_date, i.stale_since, i.keep_until,
       i.candidate_since, i.allocated, i.payment_reference, i.number_key, a.stale_after_days,
       -- Money that may be meant for it: a payment that names it, …
       EXISTS (SELECT 1 FROM watches w WHERE w.watch_key
                IN ('ref:' || i.payment_reference, 'number:' || i.number_key)) AS named,
       -- … or that could pay it in full from the same account.
       EXISTS (SELECT 1 FROM payments m
                WHERE m.account_id = i.account_id AND m.currency = i.currency
                  AND m.state IN ('on_account', 'parked', 'partly_allocated')
                  AND m.amount - m.allocated - m.returned - m.refunded >= p.due) AS payable
FROM payable_invoices p
JOIN invoices i ON i.invoice_id = p.invoice_id
JOIN accounts a ON a.account_id = i.account_id;

-- Bank records that are not booked yet, for the guard against money that is on its way.
CREATE INDEX bank_transactions_pending ON bank_transactions (bank_account, bank_key)
    WHERE status = 'PDNG' AND disposition = 'not_booked';

GRANT SELECT ON candidate_facts TO topup_worker;
GRANT SELECT, INSERT, UPDATE ON void_candidates TO topup_worker;
