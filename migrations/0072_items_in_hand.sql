-- What a process works on outside of Kafka's batches: written before the work begins, and taken
-- away when it has ended in order. What is still there when its time is over was in hand at a
-- death. Who holds an item keeps others from it meanwhile.
CREATE SEQUENCE guard_owners AS bigint;
GRANT USAGE ON SEQUENCE guard_owners TO topup_worker;

CREATE TABLE items_in_hand (
    kind        text COLLATE "C" NOT NULL CHECK (kind IN
                    ('command', 'return', 'hold', 'rematch', 'candidate', 'letter')),
    -- The number of a process; 0: whoever runs the job, one at a time; a run of a replay.
    owner       bigint NOT NULL CHECK (owner >= 0),
    items       text[] COLLATE "C" NOT NULL,
    -- The only item in hand, with nothing else of the process decoded or decided: a death counts.
    counted     boolean NOT NULL,
    lease_until timestamptz NOT NULL,
    PRIMARY KEY (kind, owner),
    CONSTRAINT items_in_hand_some CHECK (cardinality(items) > 0),
    CONSTRAINT items_in_hand_counts_one CHECK (NOT counted OR cardinality(items) = 1)
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE, DELETE ON items_in_hand TO topup_worker;

-- Items that were in hand when a process died. It is no more than a suspicion: they are tried
-- apart, and who survives leaves.
CREATE TABLE crash_suspects (
    kind     text COLLATE "C" NOT NULL CHECK (kind IN
                 ('command', 'return', 'hold', 'rematch', 'candidate', 'letter')),
    item     text COLLATE "C" NOT NULL CHECK (length(item) BETWEEN 1 AND 2000),
    deaths   integer NOT NULL CHECK (deaths > 0),
    -- It was once the only item in hand at a death.
    singly   boolean NOT NULL,
    -- Deaths that count.
    counted  integer NOT NULL CHECK (counted >= 0),
    died_at  timestamptz NOT NULL,
    PRIMARY KEY (kind, item),
    CONSTRAINT crash_suspect_counts_one CHECK (counted = 0 OR singly),
    CONSTRAINT crash_suspect_counts_deaths CHECK (counted <= deaths)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON crash_suspects TO topup_worker;

-- What kills its process is tried again too, and seldom: after an hour, then two, half a day at
-- the most. A later version may do better.
ALTER TABLE failing_items DROP CONSTRAINT failing_items_kind_check;
ALTER TABLE failing_items ADD CONSTRAINT failing_items_kind_check CHECK (kind IN
    ('command', 'return', 'hold', 'rematch', 'candidate', 'letter', 'prune'));
CREATE FUNCTION next_try(tried_at timestamptz, attempts integer, code text) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN code = 'crash_loop'
                THEN tried_at + least(interval '1 hour' * power(2, least(attempts, 10) - 1),
                                      interval '12 hours')
                ELSE next_try(tried_at, attempts) END
$$;
GRANT EXECUTE ON FUNCTION next_try(timestamptz, integer, text) TO topup_worker;

-- Two names with a slash between them, escaped within the names: one key has one pair. The program
-- makes it as `domain::keys::joined`.
CREATE FUNCTION key_joined(first text, second text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN key_part(first) || '/' || key_part(second);
GRANT EXECUTE ON FUNCTION key_joined(text, text) TO topup_worker;
-- A key of a bank record has up to 800 characters, each of which may be escaped to three.
ALTER TABLE failing_items DROP CONSTRAINT failing_items_item_check;
ALTER TABLE failing_items ADD CONSTRAINT failing_items_item_check
    CHECK (length(item) BETWEEN 1 AND 2000);
-- What failed under a key of the old form is tried as if it had not.
DELETE FROM failing_items WHERE kind IN ('return', 'hold');
