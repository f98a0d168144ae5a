-- A worker of a version before 0085 goes on beside this schema: it says which statement it replaces
-- by the year that it ends in. By that there may be several; the column of that name is the day in
-- which a statement ends, as a number of days, so that for such a worker, too, a statement takes
-- the place of that of its day only.
ALTER TABLE bank_statements DROP COLUMN year;
ALTER TABLE bank_statements ADD COLUMN year integer NOT NULL GENERATED ALWAYS AS
    (((complete_through AT TIME ZONE 'UTC') - interval '1 microsecond')::date
     - date '1970-01-01') STORED;
CREATE UNIQUE INDEX bank_statements_of_earlier_workers
    ON bank_statements (bank_account, statement_id, currency, year);
