-- Usage: charges, refunds, holds and watermarks. Facts: what they do to a balance is never
-- refused, and what was recorded never changes. Amounts are micros, with all six decimals.

-- A charge names its account by its entries, not a payment: one ledger transaction holds all that
-- one batch charged one account in one currency.
ALTER TABLE ledger_transactions ALTER COLUMN payment_id DROP NOT NULL;
ALTER TABLE ledger_transactions DROP CONSTRAINT ledger_transactions_kind_check;
ALTER TABLE ledger_transactions ADD CONSTRAINT ledger_transactions_kind_check
    CHECK (kind IN ('payment_received', 'payment_provisioned', 'provisioned', 'usage_charged',
                    'usage_refunded'));
ALTER TABLE ledger_transactions ADD CONSTRAINT ledger_transaction_names_its_payment
    CHECK ((kind IN ('usage_charged', 'usage_refunded')) = (payment_id IS NULL));

-- What a lot burnt of a debt when it was opened, less what refunds gave back of it.
ALTER TABLE lots ADD COLUMN debt_cleared bigint NOT NULL DEFAULT 0;
-- The rows before this migration that were opened on a debt burnt it without saying so here.
UPDATE lots SET debt_cleared = amount - remaining WHERE remaining < amount;
ALTER TABLE lots ADD CONSTRAINT lots_debt_within_what_is_burnt
    CHECK (debt_cleared BETWEEN 0 AND amount - remaining);
-- The index changes only when a lot is used up or comes back, so burning stays a HOT update.
ALTER TABLE lots ADD COLUMN is_open boolean GENERATED ALWAYS AS (remaining > 0) STORED;
CREATE INDEX lots_open ON lots (account_id) WHERE is_open;
CREATE INDEX lots_cleared_debt ON lots (account_id) WHERE debt_cleared > 0;
COMMENT ON COLUMN lots.held IS
    'unused: what is held of a lot follows from the live holds, which lie on the oldest money';

CREATE FUNCTION refuse_lot_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'lot % may only burn and be given back', OLD.lot_id
        USING ERRCODE = '23514', CONSTRAINT = 'lot_stays';
END $$;
CREATE TRIGGER lot_stays BEFORE UPDATE ON lots FOR EACH ROW
    WHEN ((OLD.lot_id, OLD.account_id, OLD.currency, OLD.amount, OLD.opened_at)
        IS DISTINCT FROM (NEW.lot_id, NEW.account_id, NEW.currency, NEW.amount, NEW.opened_at))
    EXECUTE FUNCTION refuse_lot_change();

CREATE TABLE usage_charges (
    account_id  text COLLATE "C" NOT NULL,
    usage_id    text COLLATE "C" NOT NULL
                CHECK (usage_id !~ '[^A-Za-z0-9._:-]' AND length(usage_id) BETWEEN 1 AND 64),
    charge_id   bigint NOT NULL,
    currency    currency_code NOT NULL,
    amount      bigint NOT NULL CHECK (amount > 0),
    -- What no lot had when it was charged: debt.
    uncovered   bigint NOT NULL CHECK (uncovered BETWEEN 0 AND amount),
    kind        text NOT NULL CHECK (char_length(kind) BETWEEN 1 AND 200),
    hold_id     text COLLATE "C",
    occurred_at timestamptz NOT NULL,
    ledger_transaction_id bigint NOT NULL,
    charged_at  timestamptz NOT NULL,
    PRIMARY KEY (account_id, usage_id)
);

CREATE TABLE usage_refunds (
    account_id  text COLLATE "C" NOT NULL,
    refund_id   text COLLATE "C" NOT NULL
                CHECK (refund_id !~ '[^A-Za-z0-9._:-]' AND length(refund_id) BETWEEN 1 AND 64),
    refund_number bigint NOT NULL,
    usage_id    text COLLATE "C" NOT NULL,
    currency    currency_code NOT NULL,
    amount      bigint NOT NULL CHECK (amount > 0),
    ledger_transaction_id bigint NOT NULL,
    refunded_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, refund_id),
    FOREIGN KEY (account_id, usage_id) REFERENCES usage_charges
);
CREATE INDEX usage_refunds_charge ON usage_refunds (account_id, usage_id);

-- Which lot a charge burnt, a refund filled again, or a debt burnt: lots.remaining is
-- lots.amount less the sum of these.
CREATE TABLE lot_consumptions (
    -- The charge, the refund, or for the debt that a new lot cleared the lot itself.
    cause_id   bigint NOT NULL,
    lot_id     bigint NOT NULL,
    kind       text COLLATE "C" NOT NULL
               CHECK (kind IN ('charge', 'debt', 'refund', 'debt_refund')),
    account_id text COLLATE "C" NOT NULL,
    -- Positive: the lot became less.
    amount     bigint NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (cause_id, lot_id, kind),
    CONSTRAINT consumption_sign CHECK ((amount > 0) = (kind IN ('charge', 'debt')))
);
INSERT INTO lot_consumptions
SELECT lot_id, lot_id, 'debt', account_id, debt_cleared FROM lots WHERE debt_cleared > 0;

CREATE TABLE holds (
    account_id text COLLATE "C" NOT NULL REFERENCES accounts,
    hold_id    text COLLATE "C" NOT NULL
               CHECK (hold_id !~ '[^A-Za-z0-9._:-]' AND length(hold_id) BETWEEN 1 AND 64),
    currency   currency_code NOT NULL,
    -- Zero: its charge came first.
    amount     bigint NOT NULL CHECK (amount >= 0),
    released   bigint NOT NULL CHECK (released BETWEEN 0 AND amount),
    state      text COLLATE "C" NOT NULL
               CHECK (state IN ('live', 'captured', 'released', 'expired')),
    placed_at  timestamptz NOT NULL,
    ended_at   timestamptz,
    PRIMARY KEY (account_id, hold_id),
    CONSTRAINT hold_ended_iff_stamped CHECK ((state = 'live') = (ended_at IS NULL)),
    CONSTRAINT hold_released_in_full CHECK (state <> 'released' OR released = amount),
    CONSTRAINT hold_live_holds_something CHECK (state <> 'live' OR released < amount)
);
CREATE INDEX holds_live ON holds (placed_at) WHERE state = 'live';
CREATE INDEX holds_live_of_account ON holds (account_id) WHERE state = 'live';

CREATE FUNCTION refuse_hold_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'hold % has ended, or would hold more than it did', OLD.hold_id
        USING ERRCODE = '23514', CONSTRAINT = 'hold_stays_ended';
END $$;
CREATE TRIGGER hold_stays_ended BEFORE UPDATE ON holds FOR EACH ROW
    WHEN (OLD.state <> 'live' OR NEW.released < OLD.released
        OR (OLD.account_id, OLD.hold_id, OLD.currency, OLD.amount, OLD.placed_at)
            IS DISTINCT FROM
           (NEW.account_id, NEW.hold_id, NEW.currency, NEW.amount, NEW.placed_at))
    EXECUTE FUNCTION refuse_hold_change();

-- Every usage record before that instant has been read from that partition.
CREATE TABLE usage_watermarks (
    topic            text COLLATE "C" NOT NULL,
    partition        integer NOT NULL,
    complete_through timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);

-- The fence between customers: all charges (refunds) of a ledger transaction are written by one
-- statement and sum to what that transaction took from (gave to) the balance of their account.
CREATE FUNCTION check_usage_posted() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM (
            SELECT n.ledger_transaction_id, n.account_id, n.currency, sum(n.amount) AS total
              FROM inserted n GROUP BY 1, 2, 3 OFFSET 0) sums
         WHERE sums.total IS DISTINCT FROM (
            SELECT abs(e.amount) FROM ledger_entries e
             WHERE e.ledger_transaction_id = sums.ledger_transaction_id
               AND e.ledger_account = 'customer_balance'
               AND e.account_id = sums.account_id AND e.currency = sums.currency
               AND (e.amount < 0) = (TG_TABLE_NAME = 'usage_charges') LIMIT 1))
    THEN
        RAISE EXCEPTION 'usage that is not what the ledger says'
            USING ERRCODE = '23503', CONSTRAINT = 'usage_is_posted';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER usage_charges_inserted AFTER INSERT ON usage_charges
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION check_usage_posted();
CREATE TRIGGER usage_refunds_inserted AFTER INSERT ON usage_refunds
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION check_usage_posted();

CREATE FUNCTION check_refunds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM usage_charges c
         WHERE c.account_id = NEW.account_id AND c.usage_id = NEW.usage_id
           AND c.currency = NEW.currency
           AND c.amount >= (SELECT sum(r.amount) FROM usage_refunds r
                             WHERE r.account_id = NEW.account_id AND r.usage_id = NEW.usage_id))
    THEN
        RAISE EXCEPTION 'more is refunded than was charged for %', NEW.usage_id
            USING ERRCODE = '23514', CONSTRAINT = 'refunds_within_charge';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER refunds_within_charge AFTER INSERT ON usage_refunds
    FOR EACH ROW EXECUTE FUNCTION check_refunds();

CREATE FUNCTION check_consumptions() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM (SELECT DISTINCT lot_id, account_id FROM inserted OFFSET 0) n
                WHERE (SELECT true FROM lots l WHERE l.lot_id = n.lot_id
                         AND l.account_id = n.account_id LIMIT 1) IS NULL) THEN
        RAISE EXCEPTION 'a consumption of a lot of another account'
            USING ERRCODE = '23503', CONSTRAINT = 'consumption_has_its_lot';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER lot_consumptions_inserted AFTER INSERT ON lot_consumptions
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION check_consumptions();

-- Append-only also for those whom privileges do not stop.
CREATE TRIGGER usage_charges_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_charges
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();
CREATE TRIGGER usage_refunds_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_refunds
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();
CREATE TRIGGER lot_consumptions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON lot_consumptions FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();
CREATE TRIGGER holds_stay BEFORE DELETE OR TRUNCATE ON holds
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();

GRANT SELECT, INSERT ON usage_charges, usage_refunds, lot_consumptions TO topup_worker;
GRANT SELECT, INSERT, UPDATE ON holds, usage_watermarks TO topup_worker;
