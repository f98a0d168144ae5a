//! This commit's worker against another's, each a process of its own on its own database, in turns:
//! ours, the other, ours, the other. Both read the same records of the same topics, and both run
//! their relay beside. Only ratios of neighbours count, so that a machine that changes its speed
//! changes both.
//!
//! The book is given to each by command, on its own tables, so the other commit may have any
//! schema. One thing is read in its database: the checkpoints. All else is its command line.
//!
//! The clock of a turn starts when a tenth of the records is committed. It ends twice: when all are
//! committed, and when the last event is in its topic.

use std::time::{Duration, Instant};

use serde_json::Value;
use sqlx::PgPool;
use topup::config::Topics;
use topup::kafka::OutRecord;

use crate::World;
use crate::args::{Args, Part};
use crate::data::{Book, Way};
use crate::database::{Database, execute};
use crate::disk::{Disk, Grown};
use crate::machine::{Cpu, Used, percentile};
use crate::program::{Program, Variables};
use crate::{cluster, commands, ours, usage};

const POLL: Duration = Duration::from_millis(5);
/// Without any progress.
const PATIENCE: Duration = Duration::from_secs(60);
/// The name of the topics.
const PART: &str = "turns";

/// The middle of several ratios, and how far they lie apart.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        let mut at = |part| percentile(&mut values, part);
        Self { low: at(0.0), median: at(0.5), high: at(1.0) }
    }
}

/// One turn of one worker.
struct Turn {
    committed_per_s: f64,
    published_per_s: f64,
    events: i64,
    used: Used,
    grown: Grown,
}

/// What one side needed, in the middle of its turns.
#[derive(Debug, Clone, Copy)]
pub struct Side {
    /// Committed and published.
    pub per_s: f64,
    pub wal: f64,
    pub rows: f64,
    pub indexes: f64,
}

/// What came of the turns.
#[derive(Debug, Clone, Copy)]
pub struct Contest {
    pub ours: Side,
    pub previous: Side,
    /// Ours against the other's, turn by turn: records committed and published a second.
    pub ratio: Spread,
    /// The same of records that are committed.
    pub committed: Spread,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Contests {
    pub payments: Option<Contest>,
    pub charges: Option<Contest>,
}

/// Records of one topic that a worker has to process.
struct Work<'a> {
    what: &'static str,
    topic: &'a str,
    only: &'static str,
    count: usize,
    /// Payments that match nothing.
    parked: usize,
}

struct Stage<'a> {
    world: &'a World,
    topics: &'a Topics,
    programs: [Program; 2],
}

pub async fn part(world: &World, args: &Args) -> Contests {
    let commit = args.commit();
    println!("\n== previous: this commit against {commit}, in {} turns each", args.turns);
    let programs = [Program::ours(), Program::of_commit(commit)];
    let invoices = args.invoices.min(2 * args.payments);
    let accounts = args.accounts.min(invoices / 2);
    let book = Book::new(accounts, invoices, args.payments, 0).of_commands();
    let topics = world.cluster.publish(PART, book.records(args.payments)).await;
    let given = commands::all(&book).map(|command| OutRecord {
        topic: topics.commands.clone(),
        key: Some(command.account.into_bytes()),
        value: Some(command.value.into_bytes()),
        headers: Vec::new(),
        timestamp_ms: None,
    });
    world.cluster.send(given).await;
    let stage = Stage { world, topics: &topics, programs };
    let asked = Work {
        what: "commands",
        topic: &topics.commands,
        only: "commands,relay",
        count: commands::count(&book),
        parked: 0,
    };
    for index in 0..2 {
        let database = world.server.empty(&template("book", index)).await;
        stage.programs[index].migrate(&stage.variables(&database, "migrate"));
        let turn = stage.turn(index, &database, &asked, "book").await;
        turn.say(&stage.programs[index], &asked);
        pack(database).await;
    }
    let expected = Book::expected(args.payments);
    let paid = Work {
        what: "payments",
        topic: &topics.bank_payments,
        only: "bank,relay",
        count: args.payments,
        parked: expected.payments - expected.matched,
    };
    let mut contests = Contests::default();
    if args.runs(Part::Previous) {
        contests.payments = Some(stage.contest("book", &paid, args.turns).await);
    }
    if args.runs(Part::PreviousUsage) {
        contests.charges = Some(stage.charges(&book, &paid, args).await);
    }
    contests
}

/// Leaves no room in the tables of a template that is used up by chance: what a turn writes, they
/// grow by. A template has no connections.
async fn pack(database: Database) {
    execute(&database.pool, "VACUUM (FULL, ANALYZE)").await;
    database.pool.close().await;
}

fn template(what: &str, index: usize) -> String {
    format!("{what}_of_{index}")
}

impl Stage<'_> {
    /// All defaults but addresses and names; each turn is a consumer group of its own.
    fn variables(&self, database: &Database, group: &str) -> Variables {
        let prefix = self.world.cluster.prefix(PART);
        let mut all = ours::variables(&self.world.cluster.brokers, &database.url, &prefix);
        all.insert("TOPUP__KAFKA__GROUP_ID".to_owned(), format!("{prefix}_{group}"));
        all.insert("TOPUP__LOGGING__LEVEL".to_owned(), "warn".to_owned());
        all
    }

    /// Customers that were topped up, then their charges.
    async fn charges(&self, book: &Book, paid: &Work<'_>, args: &Args) -> Contest {
        for index in 0..2 {
            let part = template("topped", index);
            let database = self.world.server.clone_of(&template("book", index), &part).await;
            self.turn(index, &database, paid, &part).await;
            pack(database).await;
        }
        let mut owners: Vec<String> = book
            .facts(args.payments)
            .filter(|fact| fact.way != Way::Unknown)
            .filter_map(|fact| Some(fact.invoice?.account))
            .collect();
        owners.sort();
        owners.dedup();
        let record =
            |index| usage::out_record(self.topics, "turns", index, usage::mixed(&owners, index));
        self.world.cluster.send((0..args.charges).map(record)).await;
        let charged = Work {
            what: "charges",
            topic: &self.topics.usage,
            only: "usage,relay",
            count: args.charges,
            parked: paid.parked,
        };
        self.contest("topped", &charged, args.turns).await
    }

    async fn contest(&self, from: &str, work: &Work<'_>, turns: usize) -> Contest {
        let mut all: [Vec<Turn>; 2] = [Vec::new(), Vec::new()];
        for number in 0..turns.max(1) {
            for (index, done) in all.iter_mut().enumerate() {
                let part = format!("{}_{index}_{number}", work.what);
                let database = self.world.server.clone_of(&template(from, index), &part).await;
                let turn = self.turn(index, &database, work, &part).await;
                turn.say(&self.programs[index], work);
                if number == 0 {
                    self.programs[index].audit(&self.variables(&database, &part));
                    for line in turn.grown.lines(work.count) {
                        println!("{line}");
                    }
                }
                done.push(turn);
                self.world.server.drop(database).await;
            }
        }
        let [ours, previous] = &all;
        // An event for each account of a batch: how many there are depends on the batches.
        if work.what == "payments" {
            let told = ours.iter().chain(previous).map(|turn| turn.events);
            let told: std::collections::BTreeSet<i64> = told.collect();
            assert_eq!(told.len(), 1, "events differ between turns: {told:?}");
        }
        let ratio = |rate: fn(&Turn) -> f64| {
            Spread::of(ours.iter().zip(previous).map(|(a, b)| rate(a) / rate(b)).collect())
        };
        let contest = Contest {
            ours: side(ours, work.count),
            previous: side(previous, work.count),
            ratio: ratio(|turn| turn.published_per_s),
            committed: ratio(|turn| turn.committed_per_s),
        };
        contest.say(work.what);
        contest
    }

    async fn turn(&self, index: usize, database: &Database, work: &Work<'_>, group: &str) -> Turn {
        let program = &self.programs[index];
        let pool = &database.pool;
        let variables = self.variables(database, group);
        let before = Disk::now(pool).await;
        let cpu = Cpu::beside(pool, None).await;
        let events = self.world.cluster.tail(&self.topics.events);
        let letters = self.world.cluster.tail(&self.topics.dead_letters);
        let worker = program.worker(work.only, &variables);
        let first = reached(pool, work.topic, work.count / 10).await;
        let started = Instant::now();
        reached(pool, work.topic, work.count).await;
        let committed = started.elapsed().as_secs_f64();
        let status = program.when_published(&variables).await;
        let used = Cpu::beside(pool, Some(worker.id())).await.since(cpu);
        let (events, letters): (cluster::Growth, _) = (events.end(), letters.end());
        worker.stop();
        assert_eq!(letters.records, 0, "{}: dead letters", program.name);
        assert_eq!(parked(&status), work.parked, "{}: payments that are parked", program.name);
        let grown = Disk::now(pool).await.since(&before);
        let rest = (work.count - first) as f64;
        // Events may all be there before the last checkpoint is seen.
        let published = (events.at - started).as_secs_f64().max(committed);
        Turn {
            committed_per_s: rest / committed,
            published_per_s: rest / published,
            events: events.records,
            used,
            grown,
        }
    }
}

fn parked(status: &Value) -> usize {
    let groups = status.pointer("/parked").and_then(Value::as_array).expect("parked payments");
    let count = |group: &Value| group.get("payments").and_then(Value::as_u64).expect("a count");
    usize::try_from(groups.iter().map(count).sum::<u64>()).expect("a count")
}

/// How many records of a topic are committed, as soon as they are so many.
async fn reached(pool: &PgPool, topic: &str, count: usize) -> usize {
    let read = "SELECT coalesce(sum(next_offset), 0)::bigint FROM checkpoints WHERE topic = $1";
    let (mut last, mut moved) = (0, Instant::now());
    loop {
        let done: i64 =
            sqlx::query_scalar(read).bind(topic).fetch_one(pool).await.expect("checkpoints");
        let done = usize::try_from(done).expect("a count");
        if done >= count {
            return done;
        }
        if done != last {
            (last, moved) = (done, Instant::now());
        }
        assert!(moved.elapsed() < PATIENCE, "stuck at {done} of {count} records of {topic}");
        tokio::time::sleep(POLL).await;
    }
}

fn side(turns: &[Turn], count: usize) -> Side {
    let middle = |of: &dyn Fn(&Turn) -> f64| Spread::of(turns.iter().map(of).collect()).median;
    let each = |bytes: i64| bytes as f64 / count as f64;
    Side {
        per_s: middle(&|turn| turn.published_per_s),
        wal: middle(&|turn| each(turn.grown.wal)),
        rows: middle(&|turn| each(turn.grown.sum().rows)),
        indexes: middle(&|turn| each(turn.grown.sum().indexes)),
    }
}

impl Turn {
    fn say(&self, program: &Program, work: &Work<'_>) {
        let each = |seconds: f64| seconds * 1e6 / work.count as f64;
        println!(
            "{}, {}: {:.0}/s committed, {:.0}/s published; CPU in µs each: worker {:.1}, \
             PostgreSQL {:.1}, Kafka {:.1}; others took {:.0} % of the machine",
            program.name,
            work.what,
            self.committed_per_s,
            self.published_per_s,
            each(self.used.own),
            each(self.used.postgres),
            each(self.used.kafka),
            self.used.others * 100.0
        );
    }
}

impl Side {
    pub fn kept(&self) -> f64 {
        self.rows + self.indexes
    }
}

impl Contest {
    fn say(&self, what: &str) {
        let Spread { median, low, high } = self.ratio;
        println!("{what}, ours against the previous: {median:.2} ({low:.2} to {high:.2})");
        let Spread { median, low, high } = self.committed;
        println!("  of what is committed alone: {median:.2} ({low:.2} to {high:.2})");
        for (name, side) in [("ours", &self.ours), ("previous", &self.previous)] {
            println!(
                "  {name}: {:.0}/s; of each {:.0} bytes of WAL, {:.0} bytes kept; a million \
                 {what}: tables {:.2} GB, indexes {:.2} GB, WAL {:.2} GB",
                side.per_s,
                side.wal,
                side.kept(),
                side.rows / 1e3,
                side.indexes / 1e3,
                side.wal / 1e3
            );
        }
    }

    /// In the order of their names.
    pub fn values(&self) -> [f64; FIGURES.len()] {
        [
            self.ratio.median,
            self.ratio.low,
            self.ratio.high,
            self.committed.median,
            self.ours.wal,
            self.previous.wal,
            self.ours.kept(),
            self.previous.kept(),
            (self.ours.kept() + self.ours.wal) / 1e3,
        ]
    }
}

/// What is told of each contest.
pub const FIGURES: [&str; 9] = [
    "ratio_previous",
    "ratio_previous_low",
    "ratio_previous_high",
    "ratio_previous_committed",
    "wal_bytes",
    "wal_bytes_previous",
    "kept_bytes",
    "kept_bytes_previous",
    "gb_per_million",
];
