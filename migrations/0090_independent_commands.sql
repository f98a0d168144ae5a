-- A command that waits holds up only those that depend on it (domain::queue has the rule).

-- What it touches; '*' is everything: usage, and what an older worker puts here.
ALTER TABLE waiting_commands ADD COLUMN touches text[] COLLATE "C" NOT NULL DEFAULT '{*}'
    CHECK (cardinality(touches) > 0);
-- The last one before it of which it depends, while that waits. None: it may have its turn.
ALTER TABLE waiting_commands
    ADD COLUMN behind bigint REFERENCES waiting_commands ON DELETE SET NULL
        CHECK (behind < waiting_id),
    ADD CONSTRAINT behind_what_it_depends_on
        CHECK (behind IS NULL OR needs LIKE 'behind:%' OR touches = '{*}');
CREATE INDEX waiting_commands_behind ON waiting_commands (behind) WHERE behind IS NOT NULL;

-- What waits already keeps its order.
UPDATE waiting_commands w SET behind = b.before
  FROM (SELECT waiting_id, lag(waiting_id) OVER (PARTITION BY wait_key ORDER BY waiting_id)
                   AS before
          FROM waiting_commands) b
 WHERE b.waiting_id = w.waiting_id AND b.before IS NOT NULL;

-- What may have its turn, and what stood behind another one that waits no more.
CREATE INDEX waiting_commands_turn ON waiting_commands (wait_key, waiting_id)
 WHERE behind IS NULL;
CREATE INDEX waiting_commands_freed ON waiting_commands (wait_key, waiting_id)
 WHERE behind IS NULL AND (touches = '{*}' OR needs LIKE 'behind:%');

-- What touches everything stands behind the last of its key, whoever puts it there.
CREATE FUNCTION stand_behind_the_last() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT w.waiting_id INTO NEW.behind
      FROM waiting_commands w
     WHERE w.wait_key = NEW.wait_key AND w.waiting_id < NEW.waiting_id
     ORDER BY w.waiting_id DESC LIMIT 1 FOR KEY SHARE;
    RETURN NEW;
END $$;
CREATE TRIGGER stand_behind_the_last BEFORE INSERT ON waiting_commands
    FOR EACH ROW WHEN (NEW.behind IS NULL AND NEW.touches = '{*}')
    EXECUTE FUNCTION stand_behind_the_last();
