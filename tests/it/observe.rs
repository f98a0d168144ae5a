//! What is seen of a worker from outside: its metrics, by a real Prometheus too, whether it lives
//! and is ready; and what the rules and the dashboard of `dev/observe` ask of it.

mod book;
mod door;
mod lines;
mod rules;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::crash::kill;
use crate::harness::records::{account, command, credit_saying};
use crate::harness::{World, kafka, out_record};
use crate::stopping::{Line, Way};

/// A worker in a process of its own, and its log.
pub struct Seen {
    pub process: Child,
    log: PathBuf,
}

impl Seen {
    /// `more` are variables of its environment.
    pub fn start(world: &World, name: &str, more: &[(&str, &str)]) -> Self {
        Self::only(world, name, &[], more)
    }

    fn only(world: &World, name: &str, words: &[&str], more: &[(&str, &str)]) -> Self {
        let log = std::env::temp_dir().join(format!("{}-{name}.log", world.name));
        let file = std::fs::File::create(&log).expect("a file");
        let process = Command::new(env!("CARGO_BIN_EXE_topup"))
            .arg("worker")
            .args(words)
            .env_remove("RUST_LOG")
            .env("DATABASE_URL", &world.database.url)
            .env("KAFKA_BROKERS", &world.brokers)
            .env("TOPUP__KAFKA__TOPIC_PREFIX", &world.name)
            .env("TOPUP__KAFKA__GROUP_ID", &world.name)
            .env("TOPUP__METRICS__LISTEN", "127.0.0.1:0")
            .envs(more.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::from(file))
            .spawn()
            .expect("a process");
        Self { process, log }
    }

    pub fn lines(&self, words: &str) -> Vec<String> {
        let text = std::fs::read_to_string(&self.log).expect("the log");
        text.lines().filter(|line| line.contains(words)).map(str::to_owned).collect()
    }

    async fn line(&self, world: &World, words: &str) -> String {
        world.eventually(words, || async { self.lines(words).into_iter().next() }).await
    }

    /// Where it answers.
    pub async fn address(&self, world: &World) -> String {
        let line = self.line(world, "metrics and health are served").await;
        let said: Value = serde_json::from_str(&line).expect("JSON");
        said["address"].as_str().expect("an address").to_owned()
    }

    pub fn end(self) {
        let told = self.lines("").into_iter().find(|line| crate::canaries::planted(line).is_some());
        kill(self.process);
        assert_eq!(told, None, "a payer in the log");
        std::fs::remove_file(self.log).expect("removed");
    }
}

/// What is answered to a request: the number and the text.
pub async fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a number"), body.to_owned())
}

async fn until(world: &World, address: &str, path: &str, status: u16, words: &str) {
    let what = format!("{status} with {words:?} of {path}");
    let look = || async {
        let (found, text) = get(address, path).await;
        (found == status && text.contains(words)).then_some(())
    };
    world.eventually(&what, look).await;
}

/// The one value of a line of `/metrics`.
async fn metric(address: &str, name: &str) -> String {
    let (_, text) = get(address, "/metrics").await;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
}

/// A program of `dev/install observe`.
pub fn program(name: &str) -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(".dev");
    let dev = std::env::var_os("TOPUP_DEV_DIR").map_or(own, PathBuf::from);
    let program = dev.join("observe/usr/bin").join(name);
    assert!(program.exists(), "{} is not there: run dev/install observe", program.display());
    program
}

/// A database that goes and comes back: the worker is not ready meanwhile, and lives all the time.
/// Its log says so in two lines, however many batches wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_makes_a_worker_unready_and_not_dead() {
    let world = World::with_partitions("o_away", 4).await;
    let way = Way::to(&world.database.url).await;
    let url = way.url(&world.database.url);
    let seen = Seen::start(&world, "away", &[("DATABASE_URL", url.as_str())]);
    let address = seen.address(&world).await;
    until(&world, &address, "/startupz", 200, "ok").await;
    until(&world, &address, "/readyz", 200, "ok").await;
    world.applied("c-0", "account.upsert", "ACC-0", account("ACC-0")).await;
    way.line.send_replace(Line::Down);
    let records = (0..40).map(|number| {
        let key = format!("ACC-{number}");
        let value = command(&format!("a-{number}"), "account.upsert", &account(&key));
        out_record(&world.topics.commands, Some(&key), Some(value.as_bytes()))
    });
    world.publish_all(records.collect()).await;
    until(&world, &address, "/readyz", 503, "the database has not answered for").await;
    assert_eq!(get(&address, "/livez").await, (200, "ok\n".to_owned()));
    assert_eq!(get(&address, "/startupz").await, (200, "ok\n".to_owned()));
    assert_eq!(metric(&address, "topup_database_up").await, "0");
    let (_, text) = get(&address, "/metrics").await;
    let behind =
        |line: &&str| line.starts_with("topup_consumer_behind_seconds{") && !line.ends_with(" 0");
    assert!(text.lines().any(|line| behind(&line)), "what waits is told: {text}");
    assert_eq!(seen.lines("the database is lost").len(), 1);
    way.line.send_replace(Line::Up);
    until(&world, &address, "/readyz", 200, "ok").await;
    world.until("SELECT count(*) FROM inbox WHERE outcome = 'applied'", "41").await;
    seen.line(&world, "the database is back").await;
    // An attempt that began before may fail after: then it was lost twice.
    let lost = seen.lines("the database is lost").len();
    let worried = seen.lines("\"WARN\"").len() + seen.lines("\"ERROR\"").len();
    assert!(lost <= 2 && worried <= 6, "{:#?}", seen.lines("\"level\""));
    seen.end();
    world.finish().await;
}

/// Before it has its database a worker has not started, and lives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_waits_for_its_database_has_not_started() {
    let world = World::with_partitions("o_start", 1).await;
    let way = Way::to(&world.database.url).await;
    way.line.send_replace(Line::Frozen);
    let url = way.url(&world.database.url);
    let seen = Seen::start(&world, "start", &[("DATABASE_URL", url.as_str())]);
    let address = seen.address(&world).await;
    for path in ["/startupz", "/readyz"] {
        let (status, text) = get(&address, path).await;
        assert!(status == 503 && text.contains("it waits for its database"), "{status} {text}");
    }
    assert_eq!(get(&address, "/livez").await.0, 200);
    assert!(get(&address, "/metrics").await.1.contains("topup_build_info{version="));
    assert_eq!(get(&address, "/nothing").await.0, 404);
    seen.end();
    world.finish().await;
}

/// A partition that cannot be read is a reason, with its sentence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_stands_makes_a_worker_unready() {
    let world = World::with_partitions("o_stands", 1).await;
    let every = [("TOPUP__KAFKA__LOG_CHECK_MS", "300")];
    let seen = Seen::start(&world, "stands", &every);
    let address = seen.address(&world).await;
    until(&world, &address, "/readyz", 200, "ok").await;
    let topic = world.topics.bank_payments.clone();
    kafka::delete_topics(&world.brokers, vec![topic.clone()]).await;
    let told = format!("{topic}:0 is unreadable: the topic or the partition is not there");
    until(&world, &address, "/readyz", 503, &told).await;
    let state =
        format!("topup_partition_state{{topic=\"{topic}\",partition=\"0\",state=\"unreadable\"}}");
    assert_eq!(metric(&address, &state).await, "1");
    assert_eq!(get(&address, "/livez").await.0, 200);
    kafka::create_topic(&world.brokers, &topic).await;
    until(&world, &address, "/readyz", 200, "ok").await;
    seen.end();
    world.finish().await;
}

/// A group with more workers than partitions has spares: they are ready too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_without_a_partition_is_ready() {
    let world = World::with_partitions("o_spare", 1).await;
    let only = ["--only", "commands"];
    let first = Seen::only(&world, "first", &only, &[]);
    let address = first.address(&world).await;
    until(&world, &address, "/readyz", 200, "ok").await;
    let second = Seen::only(&world, "second", &only, &[]);
    let other = second.address(&world).await;
    until(&world, &other, "/readyz", 200, "ok").await;
    let assigned = format!("topup_partitions_assigned{{topic=\"{}\"}}", world.topics.commands);
    let all = || async {
        let all = [metric(&address, &assigned).await, metric(&other, &assigned).await];
        let mut all = all.to_vec();
        all.sort();
        (all == ["0", "1"]).then_some(())
    };
    world.eventually("one partition", all).await;
    for at in [&address, &other] {
        assert_eq!(get(at, "/readyz").await, (200, "ok\n".to_owned()));
    }
    first.end();
    second.end();
    world.finish().await;
}

/// A port that another has is no reason not to work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_goes_on_without_the_port() {
    let world = World::with_partitions("o_port", 1).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let seen = Seen::start(&world, "port", &[("TOPUP__METRICS__LISTEN", address.as_str())]);
    world.applied("c-1", "account.upsert", "ACC-1", account("ACC-1")).await;
    let line = seen.line(&world, "metrics and health are not served").await;
    assert!(line.contains(&address) && line.contains("in use"), "{line}");
    seen.end();
    let off = Seen::start(&world, "off", &[("TOPUP__METRICS__LISTEN", "off")]);
    world.applied("c-2", "account.upsert", "ACC-2", account("ACC-2")).await;
    assert!(off.lines("metrics and health").is_empty());
    off.end();
    world.finish().await;
}

/// A Prometheus that asks one worker, in a folder of its own.
struct Prometheus {
    process: Child,
    folder: PathBuf,
    address: String,
}

impl Prometheus {
    fn start(world: &World, target: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("{}-prometheus", world.name));
        std::fs::create_dir_all(&folder).expect("a folder");
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("dev/observe/alerts.yml");
        let config = serde_json::json!({
            "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
            "rule_files": [rules],
            "scrape_configs": [
                { "job_name": "topup", "static_configs": [{ "targets": [target] }] },
            ],
        });
        // What is JSON is YAML.
        let config = config.to_string();
        std::fs::write(folder.join("prometheus.yml"), config).expect("written");
        // A port that was just free.
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address").to_string();
        drop(free);
        let process = Command::new(program("prometheus"))
            .current_dir(&folder)
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        Self { process, folder, address }
    }

    /// The values that it knows of, by their labels; none while it does not answer.
    async fn ask(&self, query: &str) -> BTreeMap<String, String> {
        let Ok(probe) = TcpStream::connect(&self.address).await else { return BTreeMap::new() };
        drop(probe);
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let (status, text) = get(&self.address, &format!("/api/v1/query?query={encoded}")).await;
        let Some(start) = text.find('{').filter(|_| status == 200) else { return BTreeMap::new() };
        let end = text.rfind('}').expect("an end") + 1;
        let answer: Value = serde_json::from_str(&text[start..end]).expect("JSON");
        let rows = answer["data"]["result"].as_array().expect("rows").clone();
        let value = |row: &Value| row["value"][1].as_str().expect("a value").to_owned();
        rows.iter().map(|row| (row["metric"].to_string(), value(row))).collect()
    }

    async fn until(&self, world: &World, query: &str, expected: &str) {
        let what = format!("{expected} from {query}");
        let look = || async {
            let found = self.ask(query).await;
            let all = !found.is_empty() && found.values().all(|value| value == expected);
            all.then_some(())
        };
        world.eventually(&what, look).await;
    }

    fn end(self) {
        kill(self.process);
        std::fs::remove_dir_all(self.folder).expect("removed");
    }
}

/// A real Prometheus sees a real worker, and what it did: each record that was published, each
/// payment by its decision. No rule of ours is broken by what it reads, and no customer is named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_sees_what_a_worker_did() {
    const RECORDS: usize = 25;
    const CANARY: &str = "CANARY-7731";
    let world = World::new("o_prom").await;
    let seen = Seen::start(&world, "prom", &[]);
    let address = seen.address(&world).await;
    let prometheus = Prometheus::start(&world, &address);
    prometheus.until(&world, "up", "1").await;
    let (commands, bank) = (&world.topics.commands, &world.topics.bank_payments);
    let count = |topic: &str, outcome: &str| {
        format!("sum(topup_records_total{{topic=\"{topic}\",outcome=\"{outcome}\"}})")
    };
    // What will rise is there as 0 before: the first rise is seen.
    prometheus.until(&world, &count(commands, "applied"), "0").await;
    let records = (0..RECORDS).map(|number| {
        let key = format!("{CANARY}-{number}");
        let value = command(&format!("a-{number}"), "account.upsert", &account(&key));
        out_record(commands, Some(&key), Some(value.as_bytes()))
    });
    world.publish_all(records.collect()).await;
    let (text, id) = (format!("for {CANARY}"), format!("{CANARY}-T"));
    world.bank("b-1", credit_saying(&id, "10.00", &text)).await;
    world.bank("b-1", credit_saying(&id, "10.00", &text)).await;
    world.publish(bank, "k", "no JSON at all").await;
    prometheus.until(&world, &count(commands, "applied"), &RECORDS.to_string()).await;
    prometheus.until(&world, &count(bank, "applied"), "1").await;
    prometheus.until(&world, &count(bank, "duplicate"), "1").await;
    prometheus.until(&world, &count(bank, "dead_lettered"), "1").await;
    prometheus.until(&world, "sum(topup_dead_letters_total)", "1").await;
    prometheus.until(&world, "sum(topup_payments_total)", "1").await;
    let delays = format!("sum(topup_record_delay_seconds_count{{topic=\"{commands}\"}})");
    prometheus.until(&world, &delays, &RECORDS.to_string()).await;
    let soon = format!("sum(topup_record_delay_seconds_bucket{{topic=\"{commands}\",le=\"300\"}})");
    prometheus.until(&world, &soon, &RECORDS.to_string()).await;
    prometheus.until(&world, "sum(topup_partitions_assigned)", "6").await;
    prometheus.until(&world, "sum(topup_consumer_lag_records)", "0").await;
    prometheus.until(&world, "count(topup_partition_state{state=\"flowing\"})", "6").await;
    let published = world.events().await.len();
    prometheus.until(&world, "sum(topup_events_published_total)", &published.to_string()).await;
    // The book is read every 15 s at most.
    prometheus.until(&world, "topup_book_up", "1").await;
    prometheus.until(&world, "sum(topup_dead_letters_open)", "1").await;
    prometheus.until(&world, "sum(topup_parked_payments)", "1").await;
    prometheus.until(&world, "sum(topup_parked_amount_micros)", "10000000").await;
    prometheus.until(&world, "topup_workers", "1").await;
    let page = "ALERTS{severity=\"page\",alertstate=\"firing\"}";
    assert_eq!(prometheus.ask(page).await, BTreeMap::new(), "nothing is wrong");
    let (_, metrics) = get(&address, "/metrics").await;
    assert!(!metrics.contains("CANARY"), "{metrics}");
    rules::hold(&metrics);
    prometheus.end();
    seen.end();
    world.finish().await;
}

/// What is told first, by `status` and `doctor`, of workers that are there, silent or gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_is_known_by_its_sign_of_life() {
    let world = World::with_partitions("o_life", 1).await;
    let topup = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_topup"));
        command
            .args(words)
            .env("DATABASE_URL", &world.database.url)
            .env("KAFKA_BROKERS", &world.brokers)
            .env("TOPUP__KAFKA__TOPIC_PREFIX", &world.name)
            .env("TOPUP__KAFKA__GROUP_ID", &world.name);
        let output = command.output().expect("it starts");
        String::from_utf8(output.stdout).expect("text")
    };
    let first = |words: &[&str]| {
        let said = topup(words);
        said.lines().next().unwrap_or_default().to_owned()
    };
    let workers = || {
        let said = topup(&["doctor", "--output", "ndjson"]);
        let line = said.lines().find(|line| line.contains("\"check\":\"workers\""));
        line.unwrap_or_else(|| panic!("no check of workers: {said}")).to_owned()
    };
    assert_eq!(first(&["status"]), "Look: no worker gives a sign of life.");
    let said = workers();
    assert!(said.contains("warn") && said.contains("gives a sign of life"), "{said}");
    let seen = Seen::start(&world, "life", &[]);
    world.until("SELECT count(*) FROM worker_clocks", "1").await;
    assert_eq!(first(&["status"]), "All is well: 1 worker runs.");
    assert!(workers().contains("\"ok\""));
    let status: Value =
        serde_json::from_str(&topup(&["status", "--output", "json"])).expect("JSON");
    let worker = &status["workers"][0];
    assert_eq!(worker["parts"], "commands,bank,usage,relay,jobs");
    assert_eq!(worker["alive"], true);
    assert_eq!(status["verdict"]["look"].as_array().map(Vec::len), Some(0), "{status}");
    // A dead letter is no standstill, and is told all the same.
    world.publish(&world.topics.commands, "k", "no JSON at all").await;
    world.until("SELECT count(*) FROM dead_letters", "1").await;
    assert_eq!(first(&["status"]), "Look: 1 dead letter is open.");
    // It dies without a word, and time passes.
    seen.end();
    let silence = "UPDATE worker_clocks SET told_at = told_at - interval '10 minutes'";
    world.database.execute(silence).await;
    let said = first(&["status"]);
    let told = "no worker gives a sign of life; 1 worker is silent; 1 dead letter is open.";
    assert_eq!(said, format!("Look: {told}"));
    assert!(workers().contains("warn"));
    // Another one that does only a part.
    let part = world.start_only().await;
    world.until("SELECT count(*) FROM worker_clocks", "2").await;
    let said = first(&["status"]);
    assert!(said.contains("no worker runs commands, bank, usage, jobs"), "{said}");
    part.shutdown().await;
    world.until("SELECT count(*) FROM worker_clocks", "1").await;
    world.finish().await;
}
