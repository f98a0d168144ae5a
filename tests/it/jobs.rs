//! Scheduled jobs on a real database: each tick once, whoever dies, and nothing else changed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use topup::clock::Clock;
use topup::jobs::{Job, JobEnded, JobSettings, Keep, Runner};
use topup::schedule::{Calendar, Timetable, zone};
use topup::store::StoreError;
use topup::store::jobs::{self, Claim, Claimed, Ending};

use crate::harness::records::{allocate, invoice, payment};
use crate::harness::{Direct, PATIENCE, by_length};

const KEEP: Keep =
    Keep { events_days: 90, records_days: 400, runs_days: 90, texts_days: 190, usage_days: 190 };
/// Longer than any machine that runs the tests stands still: nothing is taken over by mistake.
const LEASE: Duration = Duration::from_secs(60);

/// A runner with one scheduled job, as a process of its own would have it.
struct Process {
    runner: Arc<Runner>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

pub(crate) fn runner(
    direct: &Direct,
    owner: &str,
    schedule: Option<(Job, &str)>,
) -> (Runner, watch::Sender<bool>) {
    let timetables = schedule.map(|(job, text)| {
        let timetable = Timetable::parse(text, zone("UTC").expect("a zone"));
        (job, timetable.expect("a schedule").expect("not off"))
    });
    let settings = settings(owner, timetables.into_iter().collect());
    let (stop, stopped) = watch::channel(false);
    (Runner::new(direct.pipeline.clone(), settings, stopped), stop)
}

/// A runner whose clock stands at `at`.
pub(crate) fn runner_at(direct: &Direct, at: DateTime<Utc>) -> (Runner, watch::Sender<bool>) {
    let (stop, stopped) = watch::channel(false);
    (Runner::new(direct.at(at), job_settings(), stopped), stop)
}

/// What jobs go by when none runs by itself.
pub(crate) fn job_settings() -> JobSettings {
    settings("test", Vec::new())
}

fn settings(owner: &str, timetables: Vec<(Job, Timetable)>) -> JobSettings {
    JobSettings {
        owner: owner.to_owned(),
        lease: LEASE,
        keep: KEEP,
        calendar: Calendar { zone: zone("UTC").expect("a zone"), holidays: BTreeSet::new() },
        stale_after_days: 30,
        timetables,
    }
}

fn start(direct: &Direct, owner: &str, schedule: Option<(Job, &str)>) -> Process {
    let (runner, stop) = runner(direct, owner, schedule);
    let runner = Arc::new(runner);
    let task = tokio::spawn(Arc::clone(&runner).run());
    Process { runner, stop, task }
}

impl Process {
    async fn end(self) -> u64 {
        self.stop.send(true).expect("it listens");
        self.task.await.expect("no panic");
        self.runner.executed()
    }
}

async fn until(direct: &Direct, sql: &str, wanted: &str) {
    let started = Instant::now();
    while direct.database.value(sql).await != wanted {
        assert!(started.elapsed() < PATIENCE, "{sql} is not {wanted}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// So many replicas with the same schedule, for many ticks of one second each.
async fn each_tick_is_run_once(test: &str, replicas: usize) {
    let wanted = by_length(20, 200);
    let direct = Direct::new(test).await;
    let schedule = Some((Job::ExpireWaiting, "* * * * * *"));
    let names: Vec<String> = (0..replicas).map(|number| format!("r{number}")).collect();
    let processes: Vec<Process> = names.iter().map(|name| start(&direct, name, schedule)).collect();
    let ticks = format!("SELECT count(*) >= {wanted} FROM job_runs");
    let started = Instant::now();
    while direct.database.value(&ticks).await != "true" {
        assert!(started.elapsed() < Duration::from_secs(wanted) + PATIENCE, "ticks are missing");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let mut executed = 0;
    for process in processes {
        executed += process.end().await;
    }
    // A run in hand at the stop is left to the next runner, as one that a dead runner leaves is.
    let last = start(&direct, "last", None);
    until(&direct, "SELECT count(*) FROM job_runs WHERE state = 'running'", "0").await;
    executed += last.end().await;
    // A tick is skipped only where a run took longer than a second; each has one row at the most,
    // and was begun as often as its epoch says.
    let rows = direct.database.value("SELECT count(*) FROM job_runs").await;
    let begun = "SELECT sum(epoch) FROM job_runs WHERE state = 'done'";
    assert_eq!(direct.database.value(begun).await, executed.to_string());
    // Only who was told to stop left a run: one for each of them.
    let again = format!("SELECT coalesce(sum(epoch - 1), 0) <= {replicas} FROM job_runs");
    assert_eq!(direct.database.value(&again).await, "true");
    let done = "SELECT count(*) FROM job_runs WHERE state = 'done'";
    let done: u64 = direct.database.value(done).await.parse().expect("a number");
    let skipped = "SELECT count(*) FROM job_runs WHERE state = 'skipped'";
    let skipped: u64 = direct.database.value(skipped).await.parse().expect("a number");
    assert_eq!(rows, (done + skipped).to_string());
    // Where all replicas stood still for a second, its tick is left out: this job wants it so.
    let seconds = "SELECT 1 + extract(epoch FROM max(scheduled_for) - min(scheduled_for))::bigint
                   FROM job_runs";
    let seconds: u64 = direct.database.value(seconds).await.parse().expect("a number");
    assert!(done + skipped <= seconds, "{done} and {skipped} in {seconds} s");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_schedulers_run_each_tick_once() {
    each_tick_is_run_once("j_two", 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_schedulers_run_each_tick_once() {
    each_tick_is_run_once("j_three", 3).await;
}

/// Who is told to stop leaves the run that it has in hand: its lease ends, and the next runner goes
/// on with the same tick.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_in_hand_at_the_stop_is_left_to_the_next_runner() {
    let direct = Direct::new("j_stop").await;
    let mut held = direct.database.admin.begin().await.expect("begins");
    let lock = "LOCK TABLE parked_returns IN ACCESS EXCLUSIVE MODE";
    sqlx::query(lock).execute(&mut *held).await.expect("locks");
    let process = start(&direct, "first", Some((Job::ExpireWaiting, "* * * * * *")));
    until(&direct, "SELECT count(*) >= 1 FROM job_runs WHERE state = 'running'", "true").await;
    process.stop.send(true).expect("it listens");
    held.rollback().await.expect("ends");
    process.task.await.expect("no panic");
    let left = "SELECT state, epoch, owner, lease_until <= now() + interval '1 s' FROM job_runs
                WHERE state <> 'skipped'";
    assert_eq!(direct.database.lines(left).await, ["running|1|first|true"]);
    let next = start(&direct, "next", None);
    let done = "SELECT state || ' ' || epoch || ' ' || owner FROM job_runs
                WHERE state <> 'skipped'";
    until(&direct, done, "done 2 next").await;
    assert_eq!(next.end().await, 1);
    direct.finish().await;
}

fn claim(job: Job, tick: DateTime<Utc>, lease_until: DateTime<Utc>) -> Claim<'static> {
    Claim {
        job: job.word(),
        scheduled_for: tick,
        cause: "schedule",
        operator: None,
        as_of: tick,
        owner: "dead",
        lease_until,
    }
}

async fn known(direct: &Direct, since: DateTime<Utc>) {
    let words: Vec<&str> = Job::ALL.into_iter().map(Job::word).collect();
    jobs::ensure(direct.pipeline.pool(), &words, since).await.expect("known");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_runner_died_is_taken_over_and_the_dead_one_writes_no_more() {
    let direct = Direct::new("j_dead").await;
    let (pool, now) = (direct.pipeline.pool(), Clock::System.now());
    known(&direct, now).await;
    let lost = claim(Job::Prune, now, now - TimeDelta::seconds(1));
    let Claimed::Mine(run) = jobs::claim(pool, lost, now).await.expect("claimed") else {
        panic!("the tick is free");
    };
    let process = start(&direct, "alive", None);
    until(&direct, "SELECT state || ' ' || epoch || ' ' || owner FROM job_runs", "done 2 alive")
        .await;
    let ending = Ending { failed: false, findings: 7, summary: "by a zombie" };
    let late = jobs::finish(pool, &run, ending, now).await;
    assert!(matches!(late, Err(StoreError::Fenced)), "{late:?}");
    assert_eq!(direct.database.value("SELECT findings FROM job_runs").await, "0");
    assert_eq!(process.end().await, 1);
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ticks_that_nobody_ran_are_caught_up_as_the_job_wants_it() {
    let direct = Direct::new("j_misfire").await;
    known(&direct, Clock::System.now() - TimeDelta::days(3)).await;
    // Audits look at the present: of three days of hours only the latest is made up for.
    let process = start(&direct, "r", Some((Job::Audit, "0 0 * * * *")));
    until(&direct, "SELECT count(*) FROM job_runs WHERE state = 'done'", "1").await;
    // In the first minute of an hour its tick may still come in time.
    let expected = "SELECT cause = 'misfire' AND scheduled_for = date_trunc('hour', scheduled_for)
                        AND started_at - scheduled_for < interval '61 minutes' FROM job_runs";
    assert_eq!(direct.database.value(expected).await, "true");
    process.end().await;
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tick_is_taken_skipped_or_paused_with_its_reason() {
    let direct = Direct::new("j_claim").await;
    let (pool, now) = (direct.pipeline.pool(), Clock::System.now());
    known(&direct, now).await;
    let lease = now + TimeDelta::minutes(5);
    let first = jobs::claim(pool, claim(Job::Audit, now, lease), now).await.expect("claimed");
    let Claimed::Mine(run) = first else { panic!("{first:?}") };
    let again = jobs::claim(pool, claim(Job::Audit, now, lease), now).await;
    assert_eq!(again.expect("asked"), Claimed::Taken);
    let next = now + TimeDelta::seconds(1);
    let busy = jobs::claim(pool, claim(Job::Audit, next, lease), now).await;
    assert_eq!(busy.expect("asked"), Claimed::Busy);
    let ending = Ending { failed: false, findings: 0, summary: "" };
    jobs::finish(pool, &run, ending, now).await.expect("ended");
    assert!(jobs::pause(pool, "audit", "alice", Some("moving"), now).await.expect("paused"));
    assert!(!jobs::pause(pool, "audit", "bob", None, now).await.expect("paused before"));
    let later = now + TimeDelta::seconds(2);
    let paused = jobs::claim(pool, claim(Job::Audit, later, lease), now).await;
    assert_eq!(paused.expect("asked"), Claimed::Paused);
    // A person may run it all the same.
    let (by_hand, _stop) = runner(&direct, "cli", None);
    let ended = by_hand.run_by(Job::Audit, "alice", now).await.expect("ran");
    assert!(matches!(ended, JobEnded::Done(report) if report.findings == 0));
    assert!(jobs::resume(pool, "audit", "bob", later).await.expect("resumed"));
    assert_eq!(jobs::last_tick(pool, "audit").await.expect("known"), later);
    let acts = "SELECT act, operator, reason FROM job_acts ORDER BY act_id";
    assert_eq!(direct.database.lines(acts).await, ["pause|alice|moving", "resume|bob"]);
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pruning_takes_what_is_old_and_no_money() {
    let mut direct = Direct::new("j_prune").await;
    let steps = [
        ("invoice.create", invoice("INV-1", "ACC-1", "100.00")),
        ("payment.record", payment("PAY-1", "ACC-1", "100.00")),
        ("payment.allocate", allocate("PAY-1", "ACC-1", "INV-1")),
        // Refused, and waiting: the last stays for ever.
        ("payment.allocate", allocate("PAY-1", "ACC-1", "INV-1")),
        ("payment.allocate", allocate("PAY-9", "ACC-1", "INV-1")),
    ];
    for (number, (kind, data)) in (1..).zip(steps) {
        let item = direct.command(&format!("c-{number}"), kind, &data);
        direct.run(std::slice::from_ref(&item)).await;
    }
    let repeated = direct.command("c-1", "invoice.create", &invoice("INV-1", "ACC-1", "100.00"));
    direct.run(std::slice::from_ref(&repeated)).await;
    direct.database.published(2).await;
    let tables = [
        "outbox",
        "relay_progress",
        "inbox_records",
        "inbox_repeats",
        "job_runs",
        "jobs",
        "pruned",
    ];
    let before = direct.database.fingerprint(&tables).await;
    let soon = Clock::System.now() + TimeDelta::days(500);
    let prune = async |seconds| {
        let (by_hand, _stop) = runner_at(&direct, soon + TimeDelta::seconds(seconds));
        by_hand.prepare().await.expect("prepared");
        by_hand.run_by(Job::Prune, "alice", soon).await.expect("ran")
    };
    // The first row of the outbox is not published: nothing behind it may go.
    assert!(matches!(prune(1).await, JobEnded::Done(_)));
    let left = "SELECT (SELECT count(*) FROM outbox) || ' ' || (SELECT count(*) FROM inbox) || ' '
                || (SELECT count(*) FROM inbox_repeats)";
    let rows = direct.database.value(left).await;
    assert!(!rows.starts_with("0 ") && rows.ends_with(" 3 0"), "{rows}");
    direct.database.published(1).await;
    assert!(matches!(prune(2).await, JobEnded::Done(_)));
    // An allocation has no name of its own: its outcome is what tells it again.
    assert_eq!(direct.database.value(left).await, "0 3 0");
    assert_eq!(direct.database.fingerprint(&tables).await, before);
    // The audit of finish() does not miss the events that were taken away.
    direct.finish().await;
}
