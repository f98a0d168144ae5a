-- A reference that we mint is none that upstream gave another invoice before: a payment that quotes
-- it would be paid on one of the two, and nobody could say which is meant. The other order, a
-- reference of upstream that we have minted, is refused since 0062. Under the constraint's name by
-- which a reference that is taken is known.
CREATE FUNCTION check_minted_is_free() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM minted m
                 JOIN invoice_references r ON r.reference = m.payment_reference) THEN
        RAISE EXCEPTION 'the minted reference is one that upstream gave an invoice'
            USING ERRCODE = '23505', CONSTRAINT = 'invoice_references_pkey';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER invoices_minted_is_free AFTER INSERT ON invoices
    REFERENCING NEW TABLE AS minted FOR EACH STATEMENT EXECUTE FUNCTION check_minted_is_free();
