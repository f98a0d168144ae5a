-- What operators need for dead letters: revisions beside the original, runs of replays that can be
-- resumed, an audit with before and after, and a shape to group by.

-- An edit is a new revision; `dead_letters` keeps the record as it came. The latest one counts.
CREATE TABLE dead_letter_revisions (
    dead_letter_id bigint NOT NULL REFERENCES dead_letters,
    revision       integer NOT NULL CHECK (revision > 0),
    record_key     bytea,
    record_value   bytea,
    record_headers jsonb NOT NULL,
    operator       text NOT NULL CHECK (char_length(operator) BETWEEN 1 AND 200),
    reason         text NOT NULL CHECK (char_length(reason) BETWEEN 1 AND 2000),
    made_at        timestamptz NOT NULL,
    PRIMARY KEY (dead_letter_id, revision)
);

-- One replay of a selection. Cursor and counts move in the transaction that replays the letters,
-- so a run that was killed goes on exactly behind its last commit.
CREATE TABLE replay_runs (
    run_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    selection   jsonb NOT NULL,
    operator    text NOT NULL CHECK (char_length(operator) BETWEEN 1 AND 200),
    reason      text,
    -- The last letter there was at the start: a letter that comes later is not meant.
    last_letter bigint NOT NULL,
    cursor      bigint NOT NULL DEFAULT 0,
    looked_at   bigint NOT NULL DEFAULT 0 CHECK (looked_at >= 0),
    failed      bigint NOT NULL DEFAULT 0 CHECK (failed >= 0),
    state       text COLLATE "C" NOT NULL DEFAULT 'running'
                CHECK (state IN ('running', 'cancelled', 'stopped', 'done')),
    -- Raised by each resume: whoever ran before may write no more.
    epoch       bigint NOT NULL DEFAULT 1 CHECK (epoch > 0),
    started_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
) WITH (fillfactor = 70);

ALTER TABLE dead_letter_acts
    DROP CONSTRAINT dead_letter_acts_act_check,
    ADD CONSTRAINT dead_letter_acts_act_check
        CHECK (act IN ('replay', 'discard', 'edit', 'import')),
    ADD COLUMN before jsonb,
    ADD COLUMN after jsonb,
    ADD COLUMN run_id bigint REFERENCES replay_runs;
CREATE INDEX dead_letter_acts_failed ON dead_letter_acts (run_id)
    WHERE run_id IS NOT NULL AND outcome = 'still_failing';

CREATE FUNCTION refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what operators did is append-only' USING ERRCODE = '42501';
END $$;
CREATE TRIGGER dead_letter_acts_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON dead_letter_acts FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER dead_letter_revisions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON dead_letter_revisions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER replay_runs_stay BEFORE DELETE OR TRUNCATE
    ON replay_runs FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();

-- The type and the names of the fields of `data`: what was sent alike is repaired alike. Only
-- names that look like names are shown, as a record may hold anything anywhere.
CREATE FUNCTION dead_letter_shape(value bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE document jsonb; fields jsonb; kind text; names text;
BEGIN
    IF coalesce(length(value), 0) = 0 THEN
        RETURN 'empty';
    ELSIF length(value) > 65536 THEN
        RETURN 'too long';
    END IF;
    BEGIN
        document := convert_from(value, 'UTF8')::jsonb;
    EXCEPTION WHEN OTHERS THEN
        RETURN 'not JSON';
    END;
    IF jsonb_typeof(document) <> 'object' THEN
        RETURN 'JSON ' || jsonb_typeof(document);
    END IF;
    kind := coalesce(substring(document ->> 'type' FROM '^[a-z0-9.-]{1,80}$'), 'no type');
    fields := CASE jsonb_typeof(document -> 'data') WHEN 'object' THEN document -> 'data' END;
    SELECT string_agg(DISTINCT coalesce(substring(n FROM '^[A-Za-z_]{1,40}$'), '?'), ',')
        INTO names FROM (SELECT jsonb_object_keys(fields) AS n ORDER BY 1 LIMIT 20) AS named;
    RETURN kind || ' {' || left(coalesce(names, ''), 300) || '}';
END $$;
ALTER TABLE dead_letters ADD COLUMN shape text COLLATE "C"
    GENERATED ALWAYS AS (dead_letter_shape(record_value)) STORED;

CREATE INDEX dead_letters_groups ON dead_letters (code, topic, shape)
    INCLUDE (first_failed_at, last_failed_at) WHERE status = 'open';
CREATE INDEX dead_letters_open_ids ON dead_letters (dead_letter_id) WHERE status = 'open';

GRANT SELECT, INSERT ON dead_letter_revisions TO topup_worker;
GRANT SELECT, INSERT, UPDATE ON replay_runs TO topup_worker;
REVOKE UPDATE, DELETE, TRUNCATE ON dead_letter_revisions, dead_letter_acts FROM topup_worker;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO topup_worker;
