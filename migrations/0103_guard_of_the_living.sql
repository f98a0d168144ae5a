-- A process that lives and has lost its partition while a record was on trial is no death: it says
-- so afterwards, and whoever counted it takes that back.
ALTER TABLE crash_guards
    -- The owner of the partition who wrote this. NULL: an earlier version did.
    ADD COLUMN epoch bigint,
    -- The owner whose death was counted last.
    ADD COLUMN blamed_epoch bigint;
