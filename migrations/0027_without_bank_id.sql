-- Payments that the bank gave no id. The same money may come again with another text or in another
-- delivery: what looks like an earlier one is parked, and a person says which it is.
CREATE TABLE payments_without_bank_id (
    payment_id   text COLLATE "C" PRIMARY KEY REFERENCES payments,
    bank_account text COLLATE "C" NOT NULL,
    booking_date date NOT NULL,
    currency     currency_code NOT NULL,
    amount       bigint NOT NULL CHECK (amount > 0),
    -- Who delivered it, and when by its own word; none for what came before this was kept.
    source       text,
    delivered_at timestamptz,
    -- The earlier payment that this one may be again.
    looks_like   text COLLATE "C" REFERENCES payments_without_bank_id,
    CONSTRAINT without_id_delivered CHECK ((source IS NULL) = (delivered_at IS NULL)),
    CONSTRAINT without_id_looks_like_another CHECK (looks_like <> payment_id)
);
CREATE INDEX payments_without_bank_id_same ON payments_without_bank_id
    (bank_account, booking_date, currency, amount);

INSERT INTO payments_without_bank_id (payment_id, bank_account, booking_date, currency, amount)
SELECT payment_id, bank_account, booking_date, currency, amount
  FROM bank_transactions WHERE disposition = 'payment' AND bank_transaction_id IS NULL;

CREATE FUNCTION refuse_change_of_delivery() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'how a payment was delivered is never changed' USING ERRCODE = '42501';
END $$;
CREATE TRIGGER payments_without_bank_id_stay BEFORE UPDATE OR DELETE OR TRUNCATE
    ON payments_without_bank_id FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_delivery();

GRANT SELECT, INSERT ON payments_without_bank_id TO topup_worker;
REVOKE UPDATE, DELETE, TRUNCATE ON payments_without_bank_id FROM topup_worker;
