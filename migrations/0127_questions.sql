-- What only a person answers about a payment: whether it is money that was not there before, or
-- what becomes of what a person took apart or out. It stays while the payment is returned, split or
-- removed, until a person assigns or allocates it: no rule allocates it, which the check says.
ALTER TABLE payments ADD COLUMN question text COLLATE "C"
    CHECK (question IN ('possible_duplicate', 'too_many_alike', 'split_undone', 'taken_out'));
UPDATE payments SET question = reason
 WHERE state = 'parked'
   AND reason IN ('possible_duplicate', 'too_many_alike', 'split_undone');
ALTER TABLE payments
    ADD CONSTRAINT payments_in_question_pay_nothing CHECK (question IS NULL OR allocated = 0);

-- A worker of before does not write the column.
CREATE FUNCTION keep_question() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.question := NEW.reason;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_keep_question BEFORE INSERT OR UPDATE OF state, reason ON payments
    FOR EACH ROW WHEN (NEW.question IS NULL AND NEW.reason IN
        ('possible_duplicate', 'too_many_alike', 'split_undone', 'taken_out'))
    EXECUTE FUNCTION keep_question();

-- What a return takes back may be the same money as another payment: a person says which.
ALTER TABLE parked_returns DROP CONSTRAINT parked_returns_why_check;
ALTER TABLE parked_returns ADD CONSTRAINT parked_returns_why_check
    CHECK (why IN ('no_original', 'exceeds_payment', 'contradicted', 'no_return',
                   'fee_above_limit', 'split_payment', 'possible_duplicate', 'undecided',
                   'several_payments', 'exceeds_return', 'original_in_doubt'));
