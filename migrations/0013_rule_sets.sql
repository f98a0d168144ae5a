-- Policies of matching as numbered rule sets, and which of them was active from when.

CREATE TABLE rule_sets (
    version      integer PRIMARY KEY CHECK (version >= 0),
    -- JSON in one form only (rules::canonical): the same policies are the same text.
    content      text NOT NULL CHECK (length(content) BETWEEN 2 AND 4194304),
    content_hash bytea NOT NULL UNIQUE CHECK (length(content_hash) = 32),
    created_at   timestamptz NOT NULL,
    operator     text NOT NULL CHECK (char_length(operator) BETWEEN 1 AND 200),
    comment      text CHECK (char_length(comment) <= 200),
    CONSTRAINT rule_set_hash_is_of_its_content
        CHECK (content_hash = sha256(convert_to(content, 'UTF8')))
);
-- Version 0 stands for the settings of the configuration, so that every decision names a rule set.
INSERT INTO rule_sets (version, content, content_hash, created_at, operator, comment)
VALUES (0, '{}', sha256(convert_to('{}', 'UTF8')), now(), 'topup', 'the configuration');

-- The latest row says which is active; none means version 0.
CREATE TABLE rule_set_activations (
    activation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version       integer NOT NULL REFERENCES rule_sets,
    activated_at  timestamptz NOT NULL,
    operator      text NOT NULL CHECK (char_length(operator) BETWEEN 1 AND 200),
    reason        text CHECK (char_length(reason) BETWEEN 1 AND 2000)
);

CREATE FUNCTION refuse_change_of_rules() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rule sets and their activations are append-only' USING ERRCODE = '42501';
END $$;
CREATE TRIGGER rule_sets_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON rule_sets FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_rules();
CREATE TRIGGER rule_set_activations_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON rule_set_activations FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_rules();

-- Which policies decided. `rule_set_version` is the version of the rules in the code. No foreign
-- key: every payment would lock one row (decision 0005); the audit compares (A34).
ALTER TABLE decisions ADD COLUMN policy_version integer NOT NULL DEFAULT 0
    CHECK (policy_version >= 0);

GRANT SELECT, INSERT ON rule_sets, rule_set_activations TO topup_worker;
REVOKE UPDATE, DELETE, TRUNCATE ON rule_sets, rule_set_activations FROM topup_worker;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO topup_worker;
