-- Payment references that the upstream system gave an invoice by itself, beside the one that is
-- minted. Each names one invoice of the whole book for ever: one that named two would be ambiguous.
CREATE TABLE invoice_references (
    -- As texts are compared with it: letters and digits, or the folded form of a plain number.
    reference  text COLLATE "C" PRIMARY KEY
        CHECK (reference !~ '[^A-Z0-9-]' AND length(reference) BETWEEN 4 AND 35),
    invoice_id text COLLATE "C" NOT NULL REFERENCES invoices,
    -- NULL: a plain number without check digits.
    scheme     text COLLATE "C"
        CHECK (scheme IN ('rf', 'qrr', 'ogm', 'kid', 'ocr', 'viite', 'txid')),
    given      text NOT NULL CHECK (char_length(given) BETWEEN 1 AND 64),
    CONSTRAINT invoice_references_are_of_their_scheme CHECK (CASE scheme
        WHEN 'rf' THEN reference ~ '^RF[0-9][0-9][A-Z0-9]+$'
        WHEN 'qrr' THEN reference !~ '[^0-9]' AND length(reference) = 27
        WHEN 'ogm' THEN reference !~ '[^0-9]' AND length(reference) = 12
        WHEN 'txid' THEN reference !~ '-' AND length(reference) >= 26
        WHEN 'kid' THEN reference !~ '[^0-9]'
        WHEN 'ocr' THEN reference !~ '[^0-9]'
        WHEN 'viite' THEN reference !~ '[^0-9]' AND length(reference) <= 20
        ELSE true END)
);
CREATE INDEX invoice_references_invoice ON invoice_references (invoice_id);

CREATE FUNCTION refuse_reference_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the references of an invoice stay as they were given'
        USING ERRCODE = '23514', CONSTRAINT = 'invoice_references_stay';
END $$;
CREATE TRIGGER invoice_references_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON invoice_references
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_reference_change();

-- The reference that we mint, and those that upstream gave, are one space of names.
CREATE FUNCTION check_reference_is_free() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM invoices i WHERE i.payment_reference = NEW.reference) THEN
        RAISE EXCEPTION 'the reference is the minted one of an invoice'
            USING ERRCODE = '23505', CONSTRAINT = 'invoice_references_pkey';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invoice_references_are_free BEFORE INSERT ON invoice_references
    FOR EACH ROW WHEN (NEW.scheme = 'rf') EXECUTE FUNCTION check_reference_is_free();

GRANT SELECT, INSERT ON invoice_references TO topup_worker;
