-- A statement that is not to be believed is taken back by a person; what it said stays here.
CREATE TABLE statement_resets (
    reset_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bank_account     text COLLATE "C" NOT NULL,
    statement_id     text COLLATE "C" NOT NULL,
    currency         currency_code NOT NULL,
    opening_balance  bigint NOT NULL,
    closing_balance  bigint NOT NULL,
    entries          integer NOT NULL,
    complete_through timestamptz NOT NULL,
    recorded_at      timestamptz NOT NULL,
    operator         text NOT NULL CHECK (operator <> ''),
    reason           text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1024),
    reset_at         timestamptz NOT NULL
);
CREATE TRIGGER statement_resets_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON statement_resets FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- A statement goes only with the name of who took it back.
CREATE FUNCTION check_statement_reset() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM statement_resets r
                    WHERE r.bank_account = OLD.bank_account AND r.statement_id = OLD.statement_id
                      AND r.currency = OLD.currency AND r.complete_through = OLD.complete_through
                      AND r.xmin = pg_current_xact_id()::xid) THEN
        RAISE EXCEPTION 'a statement of % goes without a reset', OLD.bank_account
            USING ERRCODE = '23514', CONSTRAINT = 'statement_goes_with_a_reset';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER statement_goes_with_a_reset AFTER DELETE ON bank_statements
    FOR EACH ROW EXECUTE FUNCTION check_statement_reset();
GRANT DELETE ON bank_statements TO topup_worker;
GRANT SELECT, INSERT ON statement_resets TO topup_worker;

-- How many partitions a feed has by Kafka's word, and when Kafka was asked: one that nobody has
-- opened yet may hold what nobody knows of.
CREATE TABLE feed_partitions (
    consumer_group text COLLATE "C" NOT NULL,
    topic          text COLLATE "C" NOT NULL,
    partitions     integer NOT NULL CHECK (partitions > 0),
    asked_at       timestamptz NOT NULL,
    PRIMARY KEY (consumer_group, topic)
);
GRANT SELECT, INSERT, UPDATE ON feed_partitions TO topup_worker;
