-- A live hold may be set to any amount, also to what it was before a part was released: then all of
-- it is held again. What has ended stays as it ended, and its age begins no earlier than it did.
CREATE OR REPLACE FUNCTION refuse_hold_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'hold % has ended, or would become older or another', OLD.hold_id
        USING ERRCODE = '23514', CONSTRAINT = 'hold_stays_ended';
END $$;
DROP TRIGGER hold_stays_ended ON holds;
CREATE TRIGGER hold_stays_ended BEFORE UPDATE ON holds FOR EACH ROW
    WHEN (OLD.state <> 'live' OR NEW.placed_at < OLD.placed_at
        OR (OLD.account_id, OLD.hold_id, OLD.currency)
            IS DISTINCT FROM (NEW.account_id, NEW.hold_id, NEW.currency))
    EXECUTE FUNCTION refuse_hold_change();
