-- A dead letter can be written whatever its key is, and no row of the outbox holds others back.

-- A key may be longer than an index row; equal keys are found by their digest.
DROP INDEX dead_letters_key;
CREATE INDEX dead_letters_key ON dead_letters (topic, md5(record_key), dead_letter_id);

-- Keys whose next event cannot be published: the events of others go on.
CREATE TABLE relay_holds (
    key_kind   text COLLATE "C" NOT NULL,
    record_key text COLLATE "C" NOT NULL,
    -- What Kafka or its client answered.
    code       text COLLATE "C" NOT NULL CHECK (length(code) BETWEEN 1 AND 100),
    attempts   integer NOT NULL CHECK (attempts > 0),
    since      timestamptz NOT NULL,
    tried_at   timestamptz NOT NULL,
    next_try   timestamptz NOT NULL,
    PRIMARY KEY (key_kind, record_key)
);
CREATE INDEX relay_holds_due ON relay_holds (next_try);

-- An event that stands behind one which could not be published.
ALTER TABLE outbox ADD COLUMN held boolean NOT NULL DEFAULT false;
ALTER TABLE outbox ADD CONSTRAINT outbox_only_events_are_held
    CHECK (NOT held OR topic = 'events') NOT VALID;
-- Each unpublished row is in one of three, so that writing it costs what it did.
DROP INDEX outbox_unpublished;
CREATE INDEX outbox_ready ON outbox (outbox_id)
    WHERE published_at IS NULL AND topic = 'events' AND NOT held;
CREATE INDEX outbox_held ON outbox (key_kind, record_key, outbox_id)
    WHERE held AND published_at IS NULL;
CREATE INDEX outbox_letters ON outbox (outbox_id)
    WHERE published_at IS NULL AND topic = 'dead-letters';

GRANT SELECT, INSERT, UPDATE, DELETE ON relay_holds TO topup_worker;
