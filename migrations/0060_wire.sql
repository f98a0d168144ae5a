-- What the wire takes since: charges of nothing, holds that grow, ids that other systems give.

-- A free or failed call is remembered, so that it counts once; it posts nothing.
ALTER TABLE usage_charges DROP CONSTRAINT usage_charges_amount_check;
ALTER TABLE usage_charges ADD CONSTRAINT usage_charges_amount_check CHECK (amount >= 0);
ALTER TABLE usage_charges ALTER COLUMN ledger_transaction_id DROP NOT NULL;
ALTER TABLE usage_charges ADD CONSTRAINT usage_charges_post_what_is_charged
    CHECK ((ledger_transaction_id IS NULL) = (amount = 0));
ALTER TABLE usage_refunds DROP CONSTRAINT usage_refunds_amount_check;
ALTER TABLE usage_refunds ADD CONSTRAINT usage_refunds_amount_check CHECK (amount >= 0);
ALTER TABLE usage_refunds ALTER COLUMN ledger_transaction_id DROP NOT NULL;
ALTER TABLE usage_refunds ADD CONSTRAINT usage_refunds_post_what_is_refunded
    CHECK ((ledger_transaction_id IS NULL) = (amount = 0));

CREATE OR REPLACE FUNCTION check_usage_posted() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM (
            SELECT n.ledger_transaction_id, n.account_id, n.currency, sum(n.amount) AS total
              FROM inserted n WHERE n.amount > 0 GROUP BY 1, 2, 3 OFFSET 0) sums
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

-- Ids that rating and charging systems give: visible ASCII.
ALTER TABLE usage_charges DROP CONSTRAINT usage_charges_usage_id_check;
ALTER TABLE usage_charges ADD CONSTRAINT usage_charges_usage_id_check
    CHECK (usage_id !~ '[^!-~]' AND length(usage_id) BETWEEN 1 AND 128);
ALTER TABLE usage_refunds DROP CONSTRAINT usage_refunds_refund_id_check;
ALTER TABLE usage_refunds ADD CONSTRAINT usage_refunds_refund_id_check
    CHECK (refund_id !~ '[^!-~]' AND length(refund_id) BETWEEN 1 AND 128);
ALTER TABLE holds DROP CONSTRAINT holds_hold_id_check;
ALTER TABLE holds ADD CONSTRAINT holds_hold_id_check
    CHECK (hold_id !~ '[^!-~]' AND length(hold_id) BETWEEN 1 AND 128);

-- A hold that is live may be set anew, to more or to less. What has ended stays as it ended.
CREATE OR REPLACE FUNCTION refuse_hold_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'hold % has ended, or would hold again what it released', OLD.hold_id
        USING ERRCODE = '23514', CONSTRAINT = 'hold_stays_ended';
END $$;
DROP TRIGGER hold_stays_ended ON holds;
CREATE TRIGGER hold_stays_ended BEFORE UPDATE ON holds FOR EACH ROW
    WHEN (OLD.state <> 'live' OR (NEW.released < OLD.released AND NEW.amount = OLD.amount)
        OR NEW.placed_at < OLD.placed_at
        OR (OLD.account_id, OLD.hold_id, OLD.currency)
            IS DISTINCT FROM (NEW.account_id, NEW.hold_id, NEW.currency))
    EXECUTE FUNCTION refuse_hold_change();

-- When the record was written that described the customer last, as its source says. A record that
-- is older and comes again by hand would take the customer back to what was known before.
ALTER TABLE accounts ADD COLUMN described_at timestamptz;

-- A part of a key as it was before it was escaped: the reverse of `key_part` for a slash.
CREATE FUNCTION key_whole(part text) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN replace(replace(part, '%2F', '/'), '%25', '%');
