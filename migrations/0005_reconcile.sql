-- Reconciliation: what the bank's statements say against what was recorded, and what each account's
-- tables say against each other. A difference is a drift; it has one episode, with its events.

-- What a statement said before it was issued again with other content. Written by the database, so
-- that no way of storing a statement can forget it.
CREATE TABLE bank_statement_issues (
    bank_account     text COLLATE "C" NOT NULL,
    statement_id     text NOT NULL,
    issue            integer NOT NULL CHECK (issue > 0),
    currency         currency_code NOT NULL,
    opening_balance  bigint NOT NULL,
    closing_balance  bigint NOT NULL,
    entries          integer NOT NULL,
    complete_through timestamptz NOT NULL,
    recorded_at      timestamptz NOT NULL,
    PRIMARY KEY (bank_account, statement_id, issue)
);
CREATE FUNCTION keep_statement_issue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO bank_statement_issues (bank_account, statement_id, issue, currency,
        opening_balance, closing_balance, entries, complete_through, recorded_at)
    SELECT OLD.bank_account, OLD.statement_id,
           1 + (SELECT count(*) FROM bank_statement_issues i
                 WHERE i.bank_account = OLD.bank_account AND i.statement_id = OLD.statement_id),
           OLD.currency, OLD.opening_balance, OLD.closing_balance, OLD.entries,
           OLD.complete_through, OLD.recorded_at;
    RETURN NULL;
END $$;
CREATE TRIGGER bank_statement_issued_again AFTER UPDATE ON bank_statements FOR EACH ROW
    WHEN ((OLD.currency, OLD.opening_balance, OLD.closing_balance, OLD.entries,
           OLD.complete_through)
          IS DISTINCT FROM
          (NEW.currency, NEW.opening_balance, NEW.closing_balance, NEW.entries,
           NEW.complete_through))
    EXECUTE FUNCTION keep_statement_issue();
CREATE TRIGGER bank_statement_issues_stay BEFORE UPDATE OR DELETE OR TRUNCATE
    ON bank_statement_issues FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();

-- A bank account of ours as a key of events.
CREATE TABLE bank_feeds (
    bank_account   text COLLATE "C" PRIMARY KEY,
    event_sequence bigint NOT NULL DEFAULT 0 CHECK (event_sequence >= 0)
);
ALTER TABLE outbox DROP CONSTRAINT outbox_key_kind_check;
ALTER TABLE outbox ADD CONSTRAINT outbox_key_kind_check
    CHECK (key_kind IN ('account', 'payment', 'record', 'bank'));

-- One row an episode: from being found to being found no more.
CREATE TABLE drifts (
    drift_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text COLLATE "C" NOT NULL CHECK (kind IN ('statement_sum', 'statement_entries',
               'statement_gap', 'statement_missing', 'statement_double', 'bank_payments',
               'account_payments', 'account_invoices', 'account_ledger', 'account_lots')),
    -- Whose it is: a bank account of ours or a customer's account.
    key_kind   text COLLATE "C" NOT NULL CHECK (key_kind IN ('bank', 'account')),
    record_key text COLLATE "C" NOT NULL,
    -- The statement, or the currency.
    subject    text NOT NULL,
    currency   currency_code NOT NULL,
    -- What is there less what should be, in micros; a number of entries for statement_entries.
    difference bigint NOT NULL,
    detail     text NOT NULL CHECK (char_length(detail) <= 1000),
    -- The instants it was found for, and not found for any more.
    opened_at  timestamptz NOT NULL,
    cleared_at timestamptz,
    CONSTRAINT drift_is_cleared_after_it_opened CHECK (cleared_at >= opened_at),
    CONSTRAINT drift_of_its_key CHECK ((key_kind = 'account') = (kind LIKE 'account%'))
);
CREATE UNIQUE INDEX drifts_open ON drifts (kind, record_key, subject, currency)
    WHERE cleared_at IS NULL;
CREATE TRIGGER drifts_stay BEFORE DELETE OR TRUNCATE ON drifts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();

GRANT SELECT, INSERT ON bank_statement_issues TO topup_worker;
GRANT SELECT, INSERT, UPDATE ON bank_feeds, drifts TO topup_worker;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO topup_worker;
