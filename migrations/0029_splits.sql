-- One payment for several customers: a person shares it out. Each part is a payment of its own
-- with its own account, so that no allocation crosses accounts.

-- What a payment gave to its parts; of a part that was taken back, what it gave back.
ALTER TABLE payments ADD COLUMN split bigint NOT NULL DEFAULT 0 CHECK (split >= 0);

ALTER TABLE payments
    DROP CONSTRAINT payments_origin_check,
    DROP CONSTRAINT payments_state_check,
    DROP CONSTRAINT payment_never_gives_more_than_it_has,
    DROP CONSTRAINT payment_state_follows_amounts;
ALTER TABLE payments
    ADD CONSTRAINT payments_origin_check CHECK (origin IN ('bank', 'manual', 'split')),
    ADD CONSTRAINT payments_state_check CHECK (state IN ('allocated', 'partly_allocated',
        'on_account', 'parked', 'returned', 'removed', 'ignored', 'split')),
    ADD CONSTRAINT payment_never_gives_more_than_it_has
        CHECK (allocated + returned + refunded + split <= amount),
    ADD CONSTRAINT payment_state_follows_amounts CHECK (CASE state
        WHEN 'allocated' THEN allocated + returned + refunded + split = amount AND allocated > 0
        WHEN 'partly_allocated'
            THEN allocated > 0 AND allocated + returned + refunded + split < amount
        WHEN 'on_account' THEN allocated = 0 AND account_id IS NOT NULL
        WHEN 'parked' THEN allocated = 0 AND reason IS NOT NULL
        -- Of a part, what was returned by itself and what went back with the whole.
        WHEN 'returned' THEN returned + refunded + CASE origin WHEN 'split' THEN split ELSE 0 END
                             = amount
        WHEN 'ignored' THEN allocated = 0 AND reason IS NOT NULL
        WHEN 'split' THEN allocated = 0 AND split > 0 AND returned + refunded + split = amount
        ELSE allocated = 0 END),
    -- A part belongs to somebody, and nobody else gives such ids.
    ADD CONSTRAINT payment_part_is_owned
        CHECK (origin <> 'split' OR (account_id IS NOT NULL AND payment_id LIKE 'SPLIT:%')),
    -- A part gives all that is left of it back, or nothing.
    ADD CONSTRAINT payment_part_is_whole
        CHECK (origin <> 'split' OR split = 0 OR (allocated = 0
               AND returned + refunded + split = amount AND state IN ('removed', 'returned')));

CREATE TABLE payment_splits (
    -- The payment that the part is.
    part_id     text COLLATE "C" PRIMARY KEY REFERENCES payments,
    -- The payment that it was split from.
    payment_id  text COLLATE "C" NOT NULL REFERENCES payments,
    -- 1, 2, 3… for each payment, over all its splits.
    part        integer NOT NULL CHECK (part > 0),
    account_id  text COLLATE "C" NOT NULL REFERENCES accounts,
    currency    currency_code NOT NULL,
    amount      bigint NOT NULL CHECK (amount > 0),
    reason      text CHECK (char_length(reason) <= 200),
    -- The posting of the part.
    ledger_transaction_id bigint NOT NULL,
    split_at    timestamptz NOT NULL,
    UNIQUE (payment_id, part),
    CONSTRAINT split_part_is_another_payment CHECK (part_id <> payment_id)
);

-- A part that went back: by a command, or because the bank took back the whole payment.
CREATE TABLE split_undos (
    part_id     text COLLATE "C" PRIMARY KEY REFERENCES payment_splits,
    amount      bigint NOT NULL CHECK (amount > 0),
    return_id   bigint REFERENCES payment_returns,
    reason      text CHECK (char_length(reason) <= 200),
    ledger_transaction_id bigint NOT NULL,
    undone_at   timestamptz NOT NULL
);

-- A part is what it was split from: same currency, same day, and not itself a part. A payment has
-- given what its parts have, and each step is posted. Both tables are written by one statement.
CREATE FUNCTION check_splits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM payment_splits s
                JOIN payments p ON p.payment_id = s.part_id
                JOIN payments w ON w.payment_id = s.payment_id
               WHERE s.part_id IN (SELECT part_id FROM inserted)
                 AND (p.origin <> 'split' OR w.origin = 'split' OR p.received_on <> w.received_on
                      OR (p.account_id, p.currency, p.amount)
                         IS DISTINCT FROM (s.account_id, s.currency, s.amount)
                      OR p.currency <> w.currency)) THEN
        RAISE EXCEPTION 'a part that is not what it was split from'
            USING ERRCODE = '23514', CONSTRAINT = 'split_part_is_of_its_payment';
    END IF;
    IF EXISTS (SELECT 1 FROM (SELECT DISTINCT s.payment_id FROM payment_splits s
                               WHERE s.part_id IN (SELECT part_id FROM inserted) OFFSET 0) n
                JOIN payments w USING (payment_id)
               WHERE w.split <> (SELECT sum(s.amount) - coalesce(sum(u.amount), 0)
                                   FROM payment_splits s LEFT JOIN split_undos u USING (part_id)
                                  WHERE s.payment_id = w.payment_id)) THEN
        RAISE EXCEPTION 'a payment has not given what its parts have'
            USING ERRCODE = '23514', CONSTRAINT = 'splits_sum_up';
    END IF;
    IF EXISTS (SELECT 1 FROM inserted n
                WHERE NOT EXISTS (SELECT 1 FROM ledger_transactions t
                                   WHERE t.ledger_transaction_id = n.ledger_transaction_id
                                     AND t.payment_id = n.part_id)) THEN
        RAISE EXCEPTION 'a part without its posting'
            USING ERRCODE = '23503', CONSTRAINT = 'split_is_posted';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payment_splits_inserted AFTER INSERT ON payment_splits
    REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION check_splits();
CREATE TRIGGER split_undos_inserted AFTER INSERT ON split_undos
    REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION check_splits();
CREATE FUNCTION check_split_undos() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM inserted n JOIN payments p ON p.payment_id = n.part_id
               WHERE p.split <> n.amount) THEN
        RAISE EXCEPTION 'a part has not given back what is said of it'
            USING ERRCODE = '23514', CONSTRAINT = 'split_undo_is_of_its_part';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER split_undos_given_back AFTER INSERT ON split_undos
    REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION check_split_undos();

CREATE TRIGGER payment_splits_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_splits
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();
CREATE TRIGGER split_undos_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON split_undos
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

ALTER TABLE ledger_transactions DROP CONSTRAINT ledger_transactions_kind_check;
ALTER TABLE ledger_transactions ADD CONSTRAINT ledger_transactions_kind_check
    CHECK (kind IN ('payment_received', 'payment_provisioned', 'provisioned', 'usage_charged',
                    'usage_refunded', 'deallocated', 'payment_removed', 'payment_returned',
                    'claw_back', 'return_undone', 'payment_split', 'split_undone'));
ALTER TABLE ledger_entries DROP CONSTRAINT ledger_entries_ledger_account_check;
ALTER TABLE ledger_entries ADD CONSTRAINT ledger_entries_ledger_account_check
    CHECK (ledger_account IN ('bank_clearing', 'unallocated_cash', 'customer_balance',
        'usage_revenue', 'claw_back_receivable', 'fees', 'split_clearing'));

ALTER TABLE parked_returns DROP CONSTRAINT parked_returns_why_check;
ALTER TABLE parked_returns ADD CONSTRAINT parked_returns_why_check
    CHECK (why IN ('no_original', 'exceeds_payment', 'split_payment'));

-- What was split off is not there any more to pay an invoice with.
CREATE OR REPLACE VIEW candidate_facts AS
SELECT i.invoice_id, i.account_id, i.currency, p.due, i.due_date, i.stale_since, i.keep_until,
       i.candidate_since, i.allocated, i.payment_reference, i.number_key, a.stale_after_days,
       -- Money that may be meant for it: a payment that names it or for which it is suggested, …
       (EXISTS (SELECT 1 FROM watches w WHERE w.watch_key
                 IN ('ref:' || i.payment_reference, 'number:' || i.number_key))
        OR EXISTS (SELECT 1 FROM suggestion_invoices si
                     JOIN suggestions s ON s.suggestion_id = si.suggestion_id
                    WHERE si.invoice_id = i.invoice_id AND s.status = 'open')) AS named,
       -- … or that could pay it in full from the same account.
       EXISTS (SELECT 1 FROM payments m
                WHERE m.account_id = i.account_id AND m.currency = i.currency
                  AND m.state IN ('on_account', 'parked', 'partly_allocated')
                  AND m.amount - m.allocated - m.returned - m.refunded - m.split >= p.due)
           AS payable,
       a.time_zone
FROM payable_invoices p
JOIN invoices i ON i.invoice_id = p.invoice_id
JOIN accounts a ON a.account_id = i.account_id;

GRANT SELECT, INSERT ON payment_splits, split_undos TO topup_worker;
