-- Whether an outcome of a record is all that tells the same record, sent again, from a new one.
-- NULL: written by an earlier version, which did not say.
ALTER TABLE inbox ADD COLUMN guards boolean;
CREATE FUNCTION refuse_guard_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an outcome that guards money or an act is never deleted'
        USING ERRCODE = '42501', CONSTRAINT = 'inbox_guard_stays';
END $$;
CREATE TRIGGER inbox_guard_stays BEFORE DELETE ON inbox FOR EACH ROW
    WHEN (OLD.guards OR OLD.outcome NOT IN ('applied', 'duplicate'))
    EXECUTE FUNCTION refuse_guard_delete();

-- A job decides for no instant to come. (A clock that was set back meanwhile is allowed for.)
ALTER TABLE job_runs ADD CONSTRAINT job_run_is_of_the_past
    CHECK (as_of <= started_at + interval '1 minute') NOT VALID;

-- What failed when its turn came, and when it is tried again: each by itself. Who succeeds leaves.
CREATE TABLE failing_items (
    kind      text COLLATE "C" NOT NULL CHECK (kind IN
                  ('command', 'return', 'hold', 'rematch', 'candidate', 'prune')),
    -- The key of the waiting command, the return, the hold, the payment, the invoice, the table.
    item      text COLLATE "C" NOT NULL CHECK (length(item) BETWEEN 1 AND 500),
    attempts  integer NOT NULL CHECK (attempts > 0),
    -- Why the last attempt failed: a stable code, never data.
    code      text COLLATE "C" NOT NULL CHECK (code ~ '^[a-zA-Z0-9_ ]+$' AND length(code) <= 100),
    failed_at timestamptz NOT NULL,
    tried_at  timestamptz NOT NULL,
    PRIMARY KEY (kind, item),
    CONSTRAINT failing_item_failed_before CHECK (tried_at >= failed_at)
) WITH (fillfactor = 50);
CREATE INDEX failing_items_tried ON failing_items (kind, tried_at);

-- One second after the first failure, twice as long after each further one, at most five minutes.
CREATE FUNCTION next_try(tried_at timestamptz, attempts integer) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT tried_at + least(interval '1 second' * power(2, least(attempts, 20) - 1),
                            interval '5 minutes')
$$;
CREATE FUNCTION refuse_early_try() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'attempts of a failing item are counted one by one'
        USING ERRCODE = '23514', CONSTRAINT = 'failing_item_counts';
END $$;
CREATE TRIGGER failing_item_counts BEFORE UPDATE ON failing_items FOR EACH ROW
    WHEN (NEW.attempts <> OLD.attempts + 1 OR NEW.tried_at < OLD.tried_at
          OR NEW.failed_at <> OLD.failed_at)
    EXECUTE FUNCTION refuse_early_try();
GRANT SELECT, INSERT, UPDATE, DELETE ON failing_items TO topup_worker;
