-- Scheduled jobs: the tick is the unique thing. Whoever inserts (job, scheduled_for) runs it; the
-- lease and its epoch say who still may write what comes of it.

CREATE TABLE jobs (
    job          text COLLATE "C" PRIMARY KEY
                 CHECK (job !~ '[^a-z-]' AND length(job) BETWEEN 1 AND 40),
    -- The first instant that the schedule answers for: what was due before it was never missed.
    known_since  timestamptz NOT NULL,
    paused_at    timestamptz,
    paused_by    text CHECK (char_length(paused_by) BETWEEN 1 AND 200),
    pause_reason text CHECK (char_length(pause_reason) <= 200),
    CONSTRAINT job_paused_by_somebody CHECK ((paused_at IS NULL) = (paused_by IS NULL))
);

CREATE TABLE job_runs (
    job           text COLLATE "C" NOT NULL REFERENCES jobs,
    scheduled_for timestamptz NOT NULL,
    -- Who wanted it: the schedule, the schedule for a tick that was missed, or a person.
    cause         text COLLATE "C" NOT NULL CHECK (cause IN ('schedule', 'misfire', 'operator')),
    operator      text CHECK (char_length(operator) BETWEEN 1 AND 200),
    -- The instant that it decides for.
    as_of         timestamptz NOT NULL,
    state         text COLLATE "C" NOT NULL
                  CHECK (state IN ('running', 'done', 'failed', 'skipped')),
    -- Raised when a run whose lease ended is taken over: the earlier runner may write no more.
    epoch         bigint NOT NULL DEFAULT 1 CHECK (epoch > 0),
    owner         text NOT NULL,
    lease_until   timestamptz NOT NULL,
    -- Where a run that was cut off goes on.
    progress      text,
    started_at    timestamptz NOT NULL,
    finished_at   timestamptz,
    findings      bigint NOT NULL DEFAULT 0 CHECK (findings >= 0),
    -- What it did, or why not, in a sentence.
    summary       text CHECK (char_length(summary) <= 2000),
    PRIMARY KEY (job, scheduled_for),
    CONSTRAINT job_run_finished_iff_stamped
        CHECK ((state = 'running') = (finished_at IS NULL)),
    CONSTRAINT job_run_operator_is_named
        CHECK ((cause = 'operator') = (operator IS NOT NULL))
) WITH (fillfactor = 70);
-- At most one run of a job at a time.
CREATE UNIQUE INDEX job_runs_running ON job_runs (job) WHERE state = 'running';
CREATE INDEX job_runs_started ON job_runs (started_at);

-- Every act of an operator on a job but running it, which `job_runs` keeps; never updated.
CREATE TABLE job_acts (
    act_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job      text COLLATE "C" NOT NULL REFERENCES jobs,
    act      text COLLATE "C" NOT NULL CHECK (act IN ('pause', 'resume')),
    operator text NOT NULL CHECK (char_length(operator) BETWEEN 1 AND 200),
    reason   text CHECK (char_length(reason) <= 200),
    acted_at timestamptz NOT NULL
);

-- Up to when a table was pruned: the audit does not miss what was taken away on purpose.
CREATE TABLE pruned (
    table_name text COLLATE "C" PRIMARY KEY CHECK (table_name IN ('outbox', 'inbox', 'job_runs')),
    before     timestamptz NOT NULL
);

-- For pruning and for `topup records show`: what became of a record.
CREATE INDEX dead_letters_record ON dead_letters (source, message_id);

GRANT SELECT, INSERT, UPDATE ON jobs, job_runs, pruned TO topup_worker;
GRANT SELECT, INSERT ON job_acts TO topup_worker;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO topup_worker;
-- Published events, outcomes of records and runs may go when they are old. Nothing that money
-- rests on: no payment, allocation, lot, ledger row, bank transaction, decision or dead letter.
GRANT DELETE ON job_runs, outbox, inbox, inbox_repeats TO topup_worker;
