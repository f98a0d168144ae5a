-- What says "there is no more before T" is believed up to now only. A person may take it back.
CREATE TABLE watermark_resets (
    reset_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic            text COLLATE "C" NOT NULL,
    partition        integer NOT NULL,
    complete_through timestamptz NOT NULL,
    operator         text NOT NULL CHECK (operator <> ''),
    reason           text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1024),
    reset_at         timestamptz NOT NULL
);
CREATE TRIGGER watermark_resets_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON watermark_resets FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- No feed's clock and ours differ by a day: such a watermark is nobody's knowledge. Rows from
-- before prove nothing either, and stay until an honest one comes or a person takes them back.
ALTER TABLE usage_watermarks ADD CONSTRAINT watermark_is_of_the_past
    CHECK (complete_through <= updated_at + interval '1 day') NOT VALID;

-- A watermark goes only with the name of who took it back.
CREATE FUNCTION check_watermark_reset() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM watermark_resets r
                    WHERE r.topic = OLD.topic AND r.partition = OLD.partition
                      AND r.complete_through = OLD.complete_through
                      AND r.xmin = pg_current_xact_id()::xid) THEN
        RAISE EXCEPTION 'a watermark of % goes without a reset', OLD.topic
            USING ERRCODE = '23514', CONSTRAINT = 'watermark_goes_with_a_reset';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER watermark_goes_with_a_reset AFTER DELETE ON usage_watermarks
    FOR EACH ROW EXECUTE FUNCTION check_watermark_reset();
GRANT DELETE ON usage_watermarks TO topup_worker;
GRANT SELECT, INSERT ON watermark_resets TO topup_worker;

-- What of a feed is open is looked up before anything is proven by it.
CREATE INDEX dead_letters_open_topic ON dead_letters (topic) WHERE status = 'open';
CREATE INDEX waiting_commands_topic ON waiting_commands (topic);

-- Workers whose clock is off from this database's by more than is allowed. They run no job.
CREATE TABLE worker_clocks (
    owner          text PRIMARY KEY,
    consumer_group text COLLATE "C" NOT NULL,
    -- Below zero: behind.
    ahead_ms       bigint NOT NULL,
    since          timestamptz NOT NULL,
    told_at        timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON worker_clocks TO topup_worker;
