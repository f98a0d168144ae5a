-- A dead letter that was given up is taken up again, by an operator or because its record came
-- again; entries of 0.00 are recorded and are no payment.

ALTER TABLE dead_letter_acts
    DROP CONSTRAINT dead_letter_acts_act_check,
    ADD CONSTRAINT dead_letter_acts_act_check
        CHECK (act IN ('replay', 'discard', 'edit', 'import', 'reopen'));

-- The record of a letter that had been given up came again: the letter is open again.
ALTER TABLE inbox_repeats
    DROP CONSTRAINT inbox_repeats_outcome_check,
    ADD CONSTRAINT inbox_repeats_outcome_check
        CHECK (outcome IN ('duplicate', 'dead_lettered', 'reopened')),
    ADD CONSTRAINT inbox_repeat_reopened_has_code
        CHECK (outcome <> 'reopened' OR code IS NOT NULL);

-- What was replayed had its effect, for ever. What was given up is open again only by an act that
-- says so and that came after the act that gave it up.
CREATE FUNCTION check_dead_letter_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status = 'discarded' AND NEW.status = 'open' AND
       (SELECT a.act FROM dead_letter_acts a
         WHERE a.dead_letter_id = NEW.dead_letter_id AND a.act IN ('discard', 'reopen')
         ORDER BY a.act_id DESC LIMIT 1) IS NOT DISTINCT FROM 'reopen' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a dead letter that was % is not made %', OLD.status, NEW.status
        USING ERRCODE = '23514', CONSTRAINT = 'dead_letter_status_moves';
END $$;
CREATE TRIGGER dead_letter_status_moves BEFORE UPDATE OF status ON dead_letters FOR EACH ROW
    WHEN (OLD.status <> 'open' AND NEW.status <> OLD.status)
    EXECUTE FUNCTION check_dead_letter_status();

-- Banks book entries of 0.00 to say something, and count them in their statements.
ALTER TABLE bank_transactions
    DROP CONSTRAINT bank_transactions_amount_check,
    DROP CONSTRAINT bank_transactions_entry_amount_check,
    DROP CONSTRAINT bank_transactions_disposition_check,
    ADD CONSTRAINT bank_transactions_amount_check CHECK (amount >= 0),
    ADD CONSTRAINT bank_transactions_entry_amount_check CHECK (entry_amount >= 0),
    ADD CONSTRAINT bank_transactions_disposition_check
        CHECK (disposition IN ('payment', 'not_booked', 'superseded', 'return_parked', 'returned',
                               'return_undone', 'return_ended', 'refund_bounced', 'outgoing',
                               'no_money')),
    ADD CONSTRAINT bank_no_money_moves_none
        CHECK ((disposition = 'no_money') = (status = 'BOOK' AND amount = 0));
