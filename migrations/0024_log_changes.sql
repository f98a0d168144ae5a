-- A log that changes under its reader: what the checkpoint knows it by, what was found, and how
-- each partition stands.
ALTER TABLE checkpoints
    -- Raised when the log is another one than before: its offsets begin again.
    ADD COLUMN incarnation   integer NOT NULL DEFAULT 1 CHECK (incarnation > 0),
    -- The last record that was processed, and one that was looked at in the log again since: both
    -- must still be there, or the log is not the one that we read.
    ADD COLUMN last_offset   bigint,
    ADD COLUMN last_hash     bytea CHECK (length(last_hash) = 32),
    ADD COLUMN anchor_offset bigint,
    ADD COLUMN anchor_hash   bytea CHECK (length(anchor_hash) = 32),
    ADD CONSTRAINT checkpoint_last_is_whole CHECK ((last_offset IS NULL) = (last_hash IS NULL)),
    ADD CONSTRAINT checkpoint_anchor_is_whole
        CHECK ((anchor_offset IS NULL) = (anchor_hash IS NULL)),
    ADD CONSTRAINT checkpoint_last_is_processed CHECK (last_offset < next_offset);

-- What a log did under its reader, and where reading went on. A row is closed by a person.
CREATE TABLE log_changes (
    change_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer_group text COLLATE "C" NOT NULL,
    topic          text COLLATE "C" NOT NULL,
    partition      integer NOT NULL,
    -- replaced: another log under the same name. deleted: records went unread. skipped: a person
    -- went past what cannot be read.
    kind           text COLLATE "C" NOT NULL CHECK (kind IN ('replaced', 'deleted', 'skipped')),
    reason         text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1024),
    -- The offset that was to come next, and the one that reading went on with.
    expected       bigint NOT NULL CHECK (expected >= 0),
    went_on_at     bigint NOT NULL CHECK (went_on_at >= 0),
    incarnation    integer NOT NULL,
    -- Offsets that were passed over unread; a replaced log does not say.
    lost           bigint CHECK (lost > 0),
    found_at       timestamptz NOT NULL,
    -- Who told it to go on, when it was a person.
    operator       text,
    settled_at     timestamptz,
    settled_by     text,
    settlement     text CHECK (length(settlement) BETWEEN 1 AND 1024),
    CONSTRAINT log_change_lost CHECK ((kind = 'replaced') = (lost IS NULL)),
    CONSTRAINT log_change_lost_range CHECK (lost = went_on_at - expected),
    CONSTRAINT log_change_by_a_person CHECK ((kind = 'skipped') = (operator IS NOT NULL)),
    CONSTRAINT log_change_settled CHECK ((settled_at IS NULL) = (settled_by IS NULL)
        AND (settled_at IS NULL) = (settlement IS NULL))
);
CREATE INDEX log_changes_open ON log_changes (change_id) WHERE settled_at IS NULL;

CREATE TRIGGER log_changes_stay BEFORE DELETE OR TRUNCATE ON log_changes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();

-- How each partition stands with the worker that reads it, as that worker last told.
CREATE TABLE partition_states (
    consumer_group text COLLATE "C" NOT NULL,
    topic          text COLLATE "C" NOT NULL,
    partition      integer NOT NULL,
    state          text COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'opening', 'flowing',
        'full', 'held', 'unreadable', 'unauthorised', 'left')),
    reason         text NOT NULL CHECK (length(reason) <= 1024),
    owner          text NOT NULL,
    since          timestamptz NOT NULL,
    told_at        timestamptz NOT NULL,
    PRIMARY KEY (consumer_group, topic, partition)
);

GRANT SELECT, INSERT ON log_changes, partition_states TO topup_worker;
GRANT UPDATE ON log_changes, partition_states TO topup_worker;
REVOKE DELETE, TRUNCATE ON log_changes FROM topup_worker;
