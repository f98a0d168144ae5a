-- Payments that are one invoice together: the choice of one of them names the others.

CREATE TABLE suggestion_payments (
    suggestion_id text COLLATE "C" NOT NULL REFERENCES suggestions,
    payment_id    text COLLATE "C" NOT NULL REFERENCES payments,
    -- What the invoice would get of this payment.
    amount        bigint NOT NULL CHECK (amount > 0),
    PRIMARY KEY (suggestion_id, payment_id)
);
CREATE INDEX suggestion_payments_payment ON suggestion_payments (payment_id);
CREATE TRIGGER suggestion_payments_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON suggestion_payments FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- The others are not the payment itself, are of the same currency, and of no other customer.
CREATE FUNCTION check_suggestion_payments() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE wrong text;
BEGIN
    SELECT n.suggestion_id INTO wrong
      FROM added n
      JOIN suggestions s ON s.suggestion_id = n.suggestion_id
      JOIN payments p ON p.payment_id = n.payment_id
     WHERE p.payment_id = s.payment_id OR p.currency <> s.currency
        OR p.account_id <> s.account_id OR n.amount > p.amount
     LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'suggestion % names a payment that cannot be part of it', wrong
            USING ERRCODE = '23514', CONSTRAINT = 'suggestion_payments_fit';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER suggestion_payments_fit AFTER INSERT ON suggestion_payments
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION check_suggestion_payments();
GRANT SELECT, INSERT ON suggestion_payments TO topup_worker;

-- People quote the digits of a number without its letters: `Rechnung 71014` for INV-71014. What has
-- the digits is only ever suggested.
CREATE FUNCTION number_digits(folded text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ltrim(folded, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ') COLLATE "C";
CREATE INDEX invoices_number_digits ON invoices (number_digits(folded_key), invoice_id);
