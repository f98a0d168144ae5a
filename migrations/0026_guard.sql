-- The crash guard narrows down: which offsets are suspected, which are on trial at this moment,
-- and how often the process died while nothing but the one suspect was on trial.
ALTER TABLE crash_guards
    ADD COLUMN trial_first bigint,
    ADD COLUMN trial_last bigint,
    -- Nothing else of the process was decoded or decided meanwhile.
    ADD COLUMN trial_alone boolean NOT NULL DEFAULT false,
    ADD COLUMN alone_deaths integer NOT NULL DEFAULT 0 CHECK (alone_deaths >= 0),
    ADD CONSTRAINT crash_guard_trial_is_a_range
        CHECK ((trial_first IS NULL) = (trial_last IS NULL) AND trial_first <= trial_last),
    ADD CONSTRAINT crash_guard_blames_one
        CHECK (alone_deaths = 0 OR first_offset = last_offset);
