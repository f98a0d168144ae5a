-- A process that lives and has lost its partition while a record was on trial is no death: it says
-- so, and whoever counted it takes that back. An earlier version writes neither of these.
ALTER TABLE crash_guards
    -- The owner of the partition who wrote this. NULL: an earlier version did.
    ADD COLUMN epoch bigint,
    -- The owners whose deaths are in alone_deaths.
    ADD COLUMN counted_epochs bigint[] NOT NULL DEFAULT '{}';
