-- A person may say which part of a split payment bears a return, and the bank may undo that return
-- after it has taken back the whole: the part has money again.

ALTER TABLE payments DROP CONSTRAINT payment_part_is_whole;

-- A part gives all that is left of it back, or nothing. What it has after that came back to it by
-- a return that was undone.
CREATE FUNCTION check_part_is_whole() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM payment_returns r
                    WHERE r.payment_id = NEW.payment_id AND r.undoes IS NOT NULL) THEN
        RAISE EXCEPTION 'a part that went back has money'
            USING ERRCODE = '23514', CONSTRAINT = 'payment_part_is_whole';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER payment_part_is_whole AFTER INSERT OR UPDATE ON payments
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.origin = 'split' AND NEW.split > 0
          AND (NEW.allocated > 0 OR NEW.returned + NEW.refunded + NEW.split < NEW.amount))
    EXECUTE FUNCTION check_part_is_whole();

-- Who pointed a parked return at the payment, and why.
ALTER TABLE payment_returns ADD COLUMN said text CHECK (char_length(said) <= 200);
