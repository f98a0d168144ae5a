-- An entry is of every statement that names it: the intraday report and the statement of the day
-- tell of the same one. The first statement, or the one that books what was pending, stands with
-- the entry; here stand the others.
CREATE TABLE entry_statements (
    bank_account text COLLATE "C" NOT NULL,
    bank_key     text COLLATE "C" NOT NULL,
    statement_id text NOT NULL CHECK (statement_id <> ''),
    recorded_at  timestamptz NOT NULL,
    PRIMARY KEY (bank_account, bank_key, statement_id),
    FOREIGN KEY (bank_account, bank_key) REFERENCES bank_transactions
);

-- What is only announced is in no statement's sum.
CREATE FUNCTION check_entry_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM named n
                 JOIN bank_transactions b USING (bank_account, bank_key)
                WHERE b.status <> 'BOOK') THEN
        RAISE EXCEPTION 'an entry that is not booked is in no statement'
            USING ERRCODE = '23514', CONSTRAINT = 'entry_of_a_statement_is_booked';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER entry_of_a_statement_is_booked AFTER INSERT ON entry_statements
    REFERENCING NEW TABLE AS named FOR EACH STATEMENT EXECUTE FUNCTION check_entry_statement();
CREATE TRIGGER entry_statements_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON entry_statements
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_delivery();
GRANT SELECT, INSERT ON entry_statements TO topup_worker;
REVOKE UPDATE, DELETE, TRUNCATE ON entry_statements FROM topup_worker;

-- Before this an entry kept its first name only. One that a person took for an earlier one told of
-- the same money: its statement is read from told_again, so that nothing has to be filled in here.
