-- Banks use a statement's number again, some each month. It is the same statement, issued again,
-- only if it is complete up to the same day; two of one number stand beside each other.
ALTER TABLE bank_statements ADD COLUMN day date NOT NULL GENERATED ALWAYS AS
    (((complete_through AT TIME ZONE 'UTC') - interval '1 microsecond')::date) STORED;
ALTER TABLE bank_statements DROP CONSTRAINT bank_statements_pkey;
ALTER TABLE bank_statements ADD PRIMARY KEY (bank_account, statement_id, currency, day);
