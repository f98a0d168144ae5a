-- What a record calls itself that could not be read as a whole: its own id, and its source if that
-- could be read too. The dead letter stands under its place in the log; by these it is found under
-- the name that its sender knows.
ALTER TABLE dead_letters
    ADD COLUMN named_source text COLLATE "C"
        CHECK (named_source IS NULL OR length(named_source) BETWEEN 1 AND 255),
    ADD COLUMN named_id text COLLATE "C"
        CHECK (named_id IS NULL OR length(named_id) BETWEEN 1 AND 128);
ALTER TABLE dead_letters ADD CONSTRAINT dead_letters_named
    CHECK (named_source IS NULL OR named_id IS NOT NULL);
CREATE INDEX dead_letters_named_id ON dead_letters (named_id) WHERE named_id IS NOT NULL;
