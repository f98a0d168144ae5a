-- What persons asked for by the command line: the ordinary command went to its topic, and this says
-- who wrote it and why. The inbox has what became of it.
CREATE TABLE operator_commands (
    source       text COLLATE "C" NOT NULL,
    message_id   text COLLATE "C" NOT NULL,
    command_type text COLLATE "C" NOT NULL,
    operator     text NOT NULL CHECK (char_length(operator) BETWEEN 1 AND 200),
    reason       text CHECK (char_length(reason) BETWEEN 1 AND 2000),
    -- What it names: `payment:P`, `invoice:I`, `account:A`.
    subjects     text[] NOT NULL CHECK (cardinality(subjects) BETWEEN 1 AND 500),
    asked_at     timestamptz NOT NULL,
    PRIMARY KEY (source, message_id)
);
CREATE INDEX operator_commands_subjects ON operator_commands USING gin (subjects);

CREATE TRIGGER operator_commands_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON operator_commands FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit();

GRANT SELECT, INSERT ON operator_commands TO topup_worker;
REVOKE UPDATE, DELETE, TRUNCATE ON operator_commands FROM topup_worker;
