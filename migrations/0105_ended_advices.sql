-- A remittance advice that is of no use any more ends with its reason: its money paid something
-- else, it was told twice, or a person allocated its money.
ALTER TABLE remittance_advices
    -- What it says without its id: the same told again is found by it. NULL for older ones.
    ADD COLUMN same_hash   bytea CHECK (length(same_hash) = 32),
    ADD COLUMN end_reason  text COLLATE "C"
        CHECK (end_reason IN ('money_elsewhere', 'told_twice', 'by_hand')),
    -- The payment, or the other advice, that ended it.
    ADD COLUMN ended_about text COLLATE "C" CHECK (ended_about <> ''),
    DROP CONSTRAINT remittance_advices_state_check,
    ADD CONSTRAINT remittance_advices_state_check
        CHECK (state IN ('open', 'used', 'ambiguous', 'expired', 'ended')),
    ADD CONSTRAINT remittance_advices_end_has_its_reason
        CHECK ((state = 'ended') = (end_reason IS NOT NULL)
           AND (state = 'ended') = (ended_about IS NOT NULL));
CREATE INDEX remittance_advices_same ON remittance_advices (bank_account, same_hash);

-- What was told stays as it was told; what is used, ended or expired stays so.
CREATE OR REPLACE FUNCTION check_advice_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('used', 'expired', 'ended')
       OR (OLD.state = 'ambiguous' AND NEW.state IN ('open', 'used'))
       OR (OLD.bank_account, OLD.advice_id, OLD.content_hash, OLD.payer_account,
           OLD.payment_reference, OLD.payer_key, OLD.reference_key, OLD.currency, OLD.amount,
           OLD.received_at, OLD.expires_at, OLD.source, OLD.message_id, OLD.same_hash)
          IS DISTINCT FROM
          (NEW.bank_account, NEW.advice_id, NEW.content_hash, NEW.payer_account,
           NEW.payment_reference, NEW.payer_key, NEW.reference_key, NEW.currency, NEW.amount,
           NEW.received_at, NEW.expires_at, NEW.source, NEW.message_id, NEW.same_hash) THEN
        RAISE EXCEPTION 'a remittance advice is used once, and stays as it was told'
            USING ERRCODE = '23514', CONSTRAINT = 'remittance_advices_stay';
    END IF;
    RETURN NEW;
END $$;
