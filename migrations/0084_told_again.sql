-- What a bank's record says may have been told before, in another way: a credit once with the
-- bank's id and once without, a return in a daily and in a monthly statement. A person says what
-- it is.

CREATE TABLE told_again (
    bank_account text COLLATE "C" NOT NULL,
    bank_key     text COLLATE "C" NOT NULL,
    -- The earlier record of the same bank account that it may be.
    earlier_key  text COLLATE "C" NOT NULL,
    PRIMARY KEY (bank_account, bank_key),
    FOREIGN KEY (bank_account, bank_key) REFERENCES bank_transactions,
    FOREIGN KEY (bank_account, earlier_key) REFERENCES bank_transactions,
    CONSTRAINT told_again_is_another CHECK (earlier_key <> bank_key)
);
CREATE INDEX told_again_earlier ON told_again (bank_account, earlier_key);
CREATE TRIGGER told_again_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON told_again
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_delivery();
GRANT SELECT, INSERT ON told_again TO topup_worker;
REVOKE UPDATE, DELETE, TRUNCATE ON told_again FROM topup_worker;

-- A payment without a bank id may look like one that has an id.
ALTER TABLE payments_without_bank_id
    DROP CONSTRAINT payments_without_bank_id_looks_like_fkey,
    ADD CONSTRAINT payments_without_bank_id_looks_like_fkey
        FOREIGN KEY (looks_like) REFERENCES payments;

INSERT INTO told_again (bank_account, bank_key, earlier_key)
SELECT b.bank_account, b.bank_key, e.bank_key
  FROM payments_without_bank_id w
  JOIN bank_transactions b ON b.payment_id = w.payment_id
  JOIN bank_transactions e ON e.payment_id = w.looks_like;

-- Whoever writes what a payment without a bank id looks like writes it here too.
CREATE FUNCTION note_told_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO told_again (bank_account, bank_key, earlier_key)
    SELECT b.bank_account, b.bank_key, e.bank_key
      FROM came w
      JOIN bank_transactions b ON b.payment_id = w.payment_id
      JOIN bank_transactions e ON e.payment_id = w.looks_like
     WHERE w.looks_like IS NOT NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER payments_without_bank_id_told_again AFTER INSERT ON payments_without_bank_id
    REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION note_told_again();

-- Whether money without a bank id came to these bank accounts on these days, as it is at this
-- moment and not when the statement began: it is asked once the locks are held that a batch takes
-- alone which brings such money.
CREATE FUNCTION came_without_id(accounts text[], since date, until date) RETURNS boolean
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM payments_without_bank_id w
                    WHERE w.bank_account = ANY(accounts)
                      AND w.booking_date BETWEEN since AND until);
END $$;
GRANT EXECUTE ON FUNCTION came_without_id(text[], date, date) TO topup_worker;

-- Payments are found by amount and value date; those of another value date by this.
CREATE INDEX bank_transactions_other_day
    ON bank_transactions (bank_account, booking_date, amount)
    WHERE disposition = 'payment' AND bank_transaction_id IS NOT NULL
      AND value_date <> booking_date;

-- What the bank took back, and undid of that: the same may be told again.
CREATE INDEX bank_transactions_steps_back
    ON bank_transactions (bank_account, booking_date, currency, amount)
    WHERE bank_transaction_id IS NOT NULL
      AND disposition IN ('return_parked', 'returned', 'return_undone', 'return_ended',
                          'refund_bounced');
CREATE INDEX bank_transactions_nameless_back
    ON bank_transactions (bank_account, booking_date, currency, amount)
    WHERE bank_transaction_id IS NULL
      AND disposition IN ('return_parked', 'returned', 'return_undone', 'return_ended',
                          'refund_bounced');
ALTER TABLE parked_returns DROP CONSTRAINT parked_returns_why_check;
ALTER TABLE parked_returns ADD CONSTRAINT parked_returns_why_check
    CHECK (why IN ('no_original', 'exceeds_payment', 'contradicted', 'no_return',
                   'fee_above_limit', 'split_payment', 'possible_duplicate'));
