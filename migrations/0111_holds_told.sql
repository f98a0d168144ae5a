-- When the record was written that said last what is held, as its source says. An older one that is
-- replayed by hand sets nothing back. None: it was told before this was kept, or never came.
ALTER TABLE holds ADD COLUMN told_at timestamptz;
