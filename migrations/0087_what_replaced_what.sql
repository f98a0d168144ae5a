-- Which decision on a payment replaced which, what a person said who took money out of the books,
-- and returns that could not be decided.

-- Two batches may decide a payment at once, one after the other by its locks: the one that began
-- first may write last. NULL: older than this column, and before all that have a place.
CREATE SEQUENCE decision_places;
ALTER TABLE decisions ADD COLUMN place bigint;
GRANT USAGE ON SEQUENCE decision_places TO topup_worker;

ALTER TABLE ledger_transactions
    ADD COLUMN said text CHECK (char_length(said) <= 200),
    ADD CONSTRAINT ledger_said_of_a_release CHECK (said IS NULL
        OR kind IN ('payment_removed', 'payment_refunded', 'payment_dismissed'));
CREATE INDEX ledger_releases ON ledger_transactions (payment_id)
    WHERE kind IN ('payment_removed', 'payment_refunded', 'payment_dismissed');

ALTER TABLE parked_returns DROP CONSTRAINT parked_returns_why_check;
ALTER TABLE parked_returns ADD CONSTRAINT parked_returns_why_check
    CHECK (why IN ('no_original', 'exceeds_payment', 'contradicted', 'no_return',
                   'fee_above_limit', 'split_payment', 'possible_duplicate', 'undecided'));
