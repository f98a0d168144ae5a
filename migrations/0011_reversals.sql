-- De-allocated, removed and returned payments. What was posted stays; each step back is a posting
-- of its own, and a row that says how much of which allocation went back and why.

ALTER TABLE ledger_transactions DROP CONSTRAINT ledger_transactions_kind_check;
ALTER TABLE ledger_transactions ADD CONSTRAINT ledger_transactions_kind_check
    CHECK (kind IN ('payment_received', 'payment_provisioned', 'provisioned', 'usage_charged',
                    'usage_refunded', 'deallocated', 'payment_removed', 'payment_returned',
                    'claw_back', 'return_undone'));

-- An allocation is live by what was not reversed of it.
ALTER TABLE allocations ADD COLUMN reversed bigint NOT NULL DEFAULT 0
    CHECK (reversed BETWEEN 0 AND amount);
-- The undone return that opened it again; such a link may stand beside what was left of the first.
ALTER TABLE allocations ADD COLUMN restores bigint;
ALTER TABLE allocations ADD CONSTRAINT allocation_reversed_iff_stamped
    CHECK ((reversed = amount AND reversed > 0) = (reversed_at IS NOT NULL));
DROP INDEX allocations_live_pair;
CREATE UNIQUE INDEX allocations_live_pair ON allocations (payment_id, invoice_id)
    WHERE reversed_at IS NULL AND restores IS NULL;
CREATE UNIQUE INDEX allocations_restored ON allocations (restores, invoice_id)
    WHERE restores IS NOT NULL;

-- Of a lot: what was reversed, and of that what had been spent and was clawed back from the
-- account. A refund of what had been spent makes `clawed_back` less again.
ALTER TABLE lots ADD COLUMN reversed bigint NOT NULL DEFAULT 0,
                 ADD COLUMN clawed_back bigint NOT NULL DEFAULT 0;
ALTER TABLE lots ADD CONSTRAINT lots_reversed_within_amount
    CHECK (reversed BETWEEN 0 AND amount AND clawed_back BETWEEN 0 AND reversed
           AND remaining + reversed - clawed_back <= amount);
ALTER TABLE lots ADD CONSTRAINT lots_closed_iff_reversed
    CHECK ((closed_at IS NULL) = (reversed < amount));
CREATE INDEX lots_clawed_back ON lots (account_id) WHERE clawed_back > 0;

ALTER TABLE lot_consumptions DROP CONSTRAINT lot_consumptions_kind_check,
                             DROP CONSTRAINT consumption_sign;
ALTER TABLE lot_consumptions ADD CONSTRAINT lot_consumptions_kind_check
    CHECK (kind IN ('charge', 'debt', 'refund', 'debt_refund', 'reversal'));
ALTER TABLE lot_consumptions ADD CONSTRAINT consumption_sign
    CHECK ((amount > 0) = (kind IN ('charge', 'debt', 'reversal')));

-- Returns of bank payments, and what undid them.
CREATE TABLE payment_returns (
    return_id    bigint PRIMARY KEY,
    bank_account text COLLATE "C" NOT NULL,
    bank_key     text COLLATE "C" NOT NULL,
    payment_id   text COLLATE "C" NOT NULL REFERENCES payments,
    -- The return that this one undoes: the money came after all.
    undoes       bigint REFERENCES payment_returns,
    currency     currency_code NOT NULL,
    amount       bigint NOT NULL CHECK (amount > 0),
    -- Where a return was taken from, in this order; of an undone one where it went.
    unallocated  bigint NOT NULL CHECK (unallocated >= 0),
    unspent      bigint NOT NULL CHECK (unspent >= 0),
    clawed_back  bigint NOT NULL CHECK (clawed_back >= 0),
    reason       text,
    returned_at  timestamptz NOT NULL,
    UNIQUE (bank_account, bank_key),
    FOREIGN KEY (bank_account, bank_key) REFERENCES bank_transactions,
    CONSTRAINT return_is_taken_in_full CHECK (amount = unallocated + unspent + clawed_back),
    CONSTRAINT undoing_claws_nothing_back CHECK (undoes IS NULL OR clawed_back = 0)
);
CREATE INDEX payment_returns_payment ON payment_returns (payment_id);
CREATE INDEX payment_returns_undoes ON payment_returns (undoes) WHERE undoes IS NOT NULL;

CREATE TABLE allocation_reversals (
    reversal_id   bigint PRIMARY KEY,
    allocation_id bigint NOT NULL REFERENCES allocations,
    kind          text COLLATE "C" NOT NULL CHECK (kind IN ('deallocated', 'removed', 'returned')),
    amount        bigint NOT NULL CHECK (amount > 0),
    -- What had been spent, taken from the account all the same.
    clawed_back   bigint NOT NULL CHECK (clawed_back BETWEEN 0 AND amount),
    return_id     bigint REFERENCES payment_returns,
    reason        text CHECK (char_length(reason) <= 200),
    ledger_transaction_id bigint NOT NULL,
    reversed_at   timestamptz NOT NULL,
    CONSTRAINT reversal_of_a_return CHECK ((kind = 'returned') = (return_id IS NOT NULL)),
    -- Only the bank may take back what was spent.
    CONSTRAINT reversal_is_of_unspent CHECK (kind = 'returned' OR clawed_back = 0)
);
CREATE INDEX allocation_reversals_allocation ON allocation_reversals (allocation_id);
CREATE INDEX allocation_reversals_return ON allocation_reversals (return_id)
    WHERE return_id IS NOT NULL;

-- A pair that a person took apart: automatic matching does not put it together again.
CREATE TABLE tombstones (
    payment_id text COLLATE "C" NOT NULL REFERENCES payments,
    invoice_id text COLLATE "C" NOT NULL REFERENCES invoices,
    laid_at    timestamptz NOT NULL,
    PRIMARY KEY (payment_id, invoice_id)
);

-- Returns that cannot be applied yet, and when that is tried again.
CREATE TABLE parked_returns (
    bank_account text COLLATE "C" NOT NULL,
    bank_key     text COLLATE "C" NOT NULL,
    -- The bank's id of the original, if the return gives it.
    original_key text COLLATE "C",
    why          text COLLATE "C" NOT NULL CHECK (why IN ('no_original', 'exceeds_payment')),
    parked_at    timestamptz NOT NULL,
    tried_at     timestamptz NOT NULL,
    PRIMARY KEY (bank_account, bank_key),
    FOREIGN KEY (bank_account, bank_key) REFERENCES bank_transactions
) WITH (fillfactor = 50);
CREATE INDEX parked_returns_tried ON parked_returns (tried_at);

ALTER TABLE bank_transactions DROP CONSTRAINT bank_transactions_disposition_check;
ALTER TABLE bank_transactions ADD CONSTRAINT bank_transactions_disposition_check
    CHECK (disposition IN ('payment', 'not_booked', 'return_parked', 'returned', 'return_undone',
                           'refund_bounced', 'outgoing'));
-- A return may bear the id of its original, so it has a key of its own.
UPDATE bank_transactions SET bank_key = 'reversal:' || substr(bank_key, 4)
 WHERE bank_key LIKE 'id:%' AND disposition IN ('return_parked', 'refund_bounced');
INSERT INTO parked_returns
SELECT bank_account, bank_key, 'id:' || (return_of ->> 0), 'no_original', recorded_at, recorded_at
  FROM bank_transactions WHERE disposition = 'return_parked';
-- For the rare look-up of an original by what the bank repeats of it. Written for next to nothing.
CREATE INDEX bank_transactions_return_hints ON bank_transactions
    USING brin (end_to_end_id text_bloom_ops, debtor_account text_bloom_ops)
    WITH (pages_per_range = 32);

-- What is said of an allocation, a lot and a payment is what their reversals and returns sum to.
CREATE FUNCTION check_reversals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM (SELECT DISTINCT allocation_id FROM inserted OFFSET 0) n
                JOIN allocations a USING (allocation_id)
                JOIN lots l ON l.lot_id = a.allocation_id
               WHERE a.reversed <> l.reversed OR a.reversed <>
                     (SELECT sum(r.amount) FROM allocation_reversals r
                       WHERE r.allocation_id = a.allocation_id)) THEN
        RAISE EXCEPTION 'a reversal that its allocation or its lot does not have'
            USING ERRCODE = '23514', CONSTRAINT = 'reversals_sum_up';
    END IF;
    IF EXISTS (SELECT 1 FROM inserted n
                WHERE NOT EXISTS (SELECT 1 FROM ledger_transactions t
                                   WHERE t.ledger_transaction_id = n.ledger_transaction_id)) THEN
        RAISE EXCEPTION 'a reversal without its posting'
            USING ERRCODE = '23503', CONSTRAINT = 'reversal_is_posted';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER allocation_reversals_inserted AFTER INSERT ON allocation_reversals
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION check_reversals();

CREATE FUNCTION check_returns() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM (SELECT DISTINCT payment_id FROM inserted OFFSET 0) n
                JOIN payments p USING (payment_id)
               WHERE p.returned <>
                     (SELECT sum(CASE WHEN r.undoes IS NULL THEN r.amount ELSE -r.amount END)
                        FROM payment_returns r WHERE r.payment_id = p.payment_id)) THEN
        RAISE EXCEPTION 'a return that its payment does not have'
            USING ERRCODE = '23514', CONSTRAINT = 'returns_sum_up';
    END IF;
    IF EXISTS (SELECT 1 FROM inserted n JOIN payment_returns r ON r.return_id = n.undoes
               WHERE r.undoes IS NOT NULL OR r.payment_id <> n.payment_id
                  OR r.amount < (SELECT sum(u.amount) FROM payment_returns u
                                  WHERE u.undoes = r.return_id)) THEN
        RAISE EXCEPTION 'more of a return is undone than there is'
            USING ERRCODE = '23514', CONSTRAINT = 'undone_within_return';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payment_returns_inserted AFTER INSERT ON payment_returns
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION check_returns();

-- Only a command may put together what a person took apart. While there is no tombstone at all,
-- nothing is looked up.
CREATE FUNCTION check_tombstones() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM tombstones) AND EXISTS (
        SELECT 1 FROM changed n WHERE n.rule NOT IN ('R1', 'R1r') AND
            (SELECT true FROM tombstones t WHERE t.payment_id = n.payment_id
                AND t.invoice_id = n.invoice_id LIMIT 1) IS NOT NULL)
    THEN
        RAISE EXCEPTION 'an automatic allocation of a pair that a person took apart'
            USING ERRCODE = '23514', CONSTRAINT = 'tombstone_is_respected';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER allocations_respect_tombstones AFTER INSERT ON allocations
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION check_tombstones();

CREATE TRIGGER payment_returns_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_returns
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();
CREATE TRIGGER allocation_reversals_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON allocation_reversals FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();
CREATE TRIGGER tombstones_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON tombstones
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- What an allocation was made for never changes, and what was reversed of it never comes back.
CREATE FUNCTION refuse_allocation_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'allocation % may only be reversed', OLD.allocation_id
        USING ERRCODE = '23514', CONSTRAINT = 'allocation_stays';
END $$;
CREATE TRIGGER allocation_stays BEFORE UPDATE ON allocations FOR EACH ROW
    WHEN (NEW.reversed < OLD.reversed
        OR (OLD.allocation_id, OLD.payment_id, OLD.invoice_id, OLD.account_id, OLD.currency,
            OLD.amount, OLD.ledger_transaction_id)
            IS DISTINCT FROM
           (NEW.allocation_id, NEW.payment_id, NEW.invoice_id, NEW.account_id, NEW.currency,
            NEW.amount, NEW.ledger_transaction_id))
    EXECUTE FUNCTION refuse_allocation_change();

-- A batch writes the net change: an invoice that was unpaid and voided in one batch goes from
-- provisioned to voided, if nothing is allocated to it any more.
DROP TRIGGER invoice_transition ON invoices;
CREATE TRIGGER invoice_transition BEFORE UPDATE ON invoices FOR EACH ROW
    WHEN (
        (OLD.status IS DISTINCT FROM NEW.status AND (OLD.status, NEW.status) NOT IN (
            ('draft', 'awaiting_payment'), ('draft', 'provisioned'), ('draft', 'voided'),
            ('awaiting_payment', 'provisioned'), ('awaiting_payment', 'voided'),
            ('provisioned', 'awaiting_payment'), ('provisioned', 'voided')))
        OR (OLD.invoice_id, OLD.amount, OLD.account_id, OLD.currency, OLD.payment_reference)
            IS DISTINCT FROM
           (NEW.invoice_id, NEW.amount, NEW.account_id, NEW.currency, NEW.payment_reference))
    EXECUTE FUNCTION refuse_invoice_transition();
CREATE FUNCTION check_unpaid_before_void() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM allocations a
                WHERE a.invoice_id = NEW.invoice_id AND a.reversed < a.amount) THEN
        RAISE EXCEPTION 'invoice % may not go from provisioned to voided', NEW.invoice_id
            USING ERRCODE = '23514', CONSTRAINT = 'invoice_transition';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invoice_unpaid_before_void BEFORE UPDATE ON invoices FOR EACH ROW
    WHEN (OLD.status = 'provisioned' AND NEW.status = 'voided')
    EXECUTE FUNCTION check_unpaid_before_void();

ALTER TABLE drifts DROP CONSTRAINT drifts_kind_check;
ALTER TABLE drifts ADD CONSTRAINT drifts_kind_check
    CHECK (kind IN ('statement_sum', 'statement_entries', 'statement_gap', 'statement_missing',
                    'statement_double', 'bank_payments', 'return_parked', 'account_payments',
                    'account_invoices', 'account_ledger', 'account_lots'));

GRANT SELECT, INSERT ON payment_returns, allocation_reversals, tombstones TO topup_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON parked_returns TO topup_worker;
