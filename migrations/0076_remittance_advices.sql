-- Remittance advice: what a payment is for, told beside it. A claim and no money: it belongs to one
-- payment of its bank account, currency and amount, and is used once.
CREATE TABLE remittance_advices (
    bank_account      text COLLATE "C" NOT NULL,
    advice_id         text COLLATE "C" NOT NULL CHECK (length(advice_id) BETWEEN 1 AND 128),
    content_hash      bytea NOT NULL CHECK (length(content_hash) = 32),
    payer_account     text CHECK (char_length(payer_account) BETWEEN 1 AND 140),
    payment_reference text CHECK (char_length(payment_reference) BETWEEN 1 AND 140),
    -- As payments are compared with them; NULL where anybody may have written the same.
    payer_key         text COLLATE "C" CHECK (payer_key ~ '^[A-Z0-9]+$'),
    reference_key     text COLLATE "C" CHECK (reference_key ~ '^[A-Z0-9]+$'),
    currency          currency_code NOT NULL,
    amount            bigint NOT NULL CHECK (amount > 0),
    state             text COLLATE "C" NOT NULL
        CHECK (state IN ('open', 'used', 'ambiguous', 'expired')),
    used_by_payment   text COLLATE "C" REFERENCES payments,
    received_at       timestamptz NOT NULL,
    expires_at        timestamptz NOT NULL,
    source            text COLLATE "C" NOT NULL,
    message_id        text COLLATE "C" NOT NULL,
    PRIMARY KEY (bank_account, advice_id),
    CONSTRAINT remittance_advices_one_per_payment UNIQUE (used_by_payment),
    CONSTRAINT remittance_advices_name_a_payment
        CHECK (payer_key IS NOT NULL OR reference_key IS NOT NULL),
    CONSTRAINT remittance_advices_keys_are_of_texts
        CHECK ((payer_key IS NULL OR payer_account IS NOT NULL)
           AND (reference_key IS NULL OR payment_reference IS NOT NULL)),
    CONSTRAINT remittance_advices_used_by_one
        CHECK ((state = 'used') = (used_by_payment IS NOT NULL)),
    CONSTRAINT remittance_advices_expire_later CHECK (expires_at > received_at)
) WITH (fillfactor = 80);
CREATE INDEX remittance_advices_payer
    ON remittance_advices (payer_key, amount, currency, bank_account)
    WHERE state IN ('open', 'ambiguous');
CREATE INDEX remittance_advices_reference
    ON remittance_advices (reference_key, amount, currency, bank_account)
    WHERE state IN ('open', 'ambiguous');
CREATE INDEX remittance_advices_waiting
    ON remittance_advices (bank_account) WHERE state IN ('open', 'ambiguous');
CREATE INDEX remittance_advices_unused
    ON remittance_advices (state, currency, received_at) WHERE state <> 'used';
CREATE INDEX remittance_advices_by_age
    ON remittance_advices (received_at DESC, bank_account, advice_id);
CREATE INDEX remittance_advices_expiry
    ON remittance_advices (expires_at) WHERE state IN ('open', 'ambiguous');

CREATE TABLE remittance_advice_lines (
    bank_account text COLLATE "C" NOT NULL,
    advice_id    text COLLATE "C" NOT NULL,
    line         integer NOT NULL CHECK (line BETWEEN 1 AND 100),
    -- Not a foreign key: it may name an invoice that is not known yet.
    invoice_id   text COLLATE "C" CHECK (length(invoice_id) BETWEEN 1 AND 64),
    reference    text CHECK (char_length(reference) BETWEEN 1 AND 64),
    amount       bigint NOT NULL CHECK (amount > 0),
    PRIMARY KEY (bank_account, advice_id, line),
    FOREIGN KEY (bank_account, advice_id) REFERENCES remittance_advices,
    CONSTRAINT remittance_advice_lines_name_one CHECK ((invoice_id IS NULL) <> (reference IS NULL)),
    CONSTRAINT remittance_advice_lines_name_each_once UNIQUE (bank_account, advice_id, invoice_id)
);

-- The lines are the amount: checked at the end of the transaction, when all of them are there.
CREATE FUNCTION check_advice_sum() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.amount IS DISTINCT FROM (SELECT sum(l.amount)::bigint FROM remittance_advice_lines l
                 WHERE l.bank_account = NEW.bank_account AND l.advice_id = NEW.advice_id) THEN
        RAISE EXCEPTION 'the lines of a remittance advice are not its amount'
            USING ERRCODE = '23514', CONSTRAINT = 'remittance_advices_sum_up';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER remittance_advices_sum_up AFTER INSERT ON remittance_advices
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_advice_sum();

-- What was told stays as it was told; what is used or expired stays so.
CREATE FUNCTION check_advice_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('used', 'expired')
       OR (OLD.state = 'ambiguous' AND NEW.state IN ('open', 'used'))
       OR (OLD.bank_account, OLD.advice_id, OLD.content_hash, OLD.payer_account,
           OLD.payment_reference, OLD.payer_key, OLD.reference_key, OLD.currency, OLD.amount,
           OLD.received_at, OLD.expires_at, OLD.source, OLD.message_id)
          IS DISTINCT FROM
          (NEW.bank_account, NEW.advice_id, NEW.content_hash, NEW.payer_account,
           NEW.payment_reference, NEW.payer_key, NEW.reference_key, NEW.currency, NEW.amount,
           NEW.received_at, NEW.expires_at, NEW.source, NEW.message_id) THEN
        RAISE EXCEPTION 'a remittance advice is used once, and stays as it was told'
            USING ERRCODE = '23514', CONSTRAINT = 'remittance_advices_stay';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER remittance_advices_stay BEFORE UPDATE ON remittance_advices
    FOR EACH ROW EXECUTE FUNCTION check_advice_change();

CREATE FUNCTION refuse_advice_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a remittance advice stays as it was told'
        USING ERRCODE = '23514', CONSTRAINT = 'remittance_advices_stay';
END $$;
CREATE TRIGGER remittance_advices_are_kept BEFORE DELETE OR TRUNCATE ON remittance_advices
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_advice_change();
CREATE TRIGGER remittance_advice_lines_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE
    ON remittance_advice_lines FOR EACH STATEMENT EXECUTE FUNCTION refuse_advice_change();

-- It belongs to a payment of its own bank account, currency and amount.
CREATE FUNCTION check_advice_use() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM bank_transactions b
                    WHERE b.payment_id = NEW.used_by_payment
                      AND b.bank_account = NEW.bank_account
                      AND b.currency = NEW.currency AND b.amount = NEW.amount) THEN
        RAISE EXCEPTION 'a remittance advice belongs to a payment of its amount'
            USING ERRCODE = '23514', CONSTRAINT = 'remittance_advices_fit_their_payment';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER remittance_advices_fit_their_payment
    BEFORE INSERT OR UPDATE ON remittance_advices
    FOR EACH ROW WHEN (NEW.used_by_payment IS NOT NULL) EXECUTE FUNCTION check_advice_use();

-- What an advice has paid was paid by that advice.
CREATE FUNCTION check_allocation_is_advised() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM remittance_advices a
                    WHERE a.used_by_payment = NEW.payment_id) THEN
        RAISE EXCEPTION 'no remittance advice belongs to the payment'
            USING ERRCODE = '23514', CONSTRAINT = 'allocations_are_advised';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER allocations_are_advised AFTER INSERT ON allocations
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.rule = 'R2a')
    EXECUTE FUNCTION check_allocation_is_advised();

-- Whether an advice waits for money of these bank accounts, as it is at this moment and not when
-- the statement began: it is asked once the locks are held that an advice takes alone.
CREATE FUNCTION advices_wait(accounts text[]) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM remittance_advices a
                    WHERE a.bank_account = ANY(accounts) AND a.state IN ('open', 'ambiguous'));
END $$;

-- An advice looks for the money that was there before it.
CREATE INDEX open_payments_by_money ON open_payments (free, currency) WHERE bank;

GRANT SELECT, INSERT, UPDATE ON remittance_advices TO topup_worker;
GRANT SELECT, INSERT ON remittance_advice_lines TO topup_worker;
