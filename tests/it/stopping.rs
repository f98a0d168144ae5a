//! A worker stops within its bound, whatever is away.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use topup::kafka::mock::MockKafka;

use crate::harness::World;
use crate::harness::records::{account, command};

/// The least that can be configured.
const INTAKE_SECONDS: u64 = 1;
/// What `app` adds to it, and what a busy machine may take to start and end a process.
const BOUND: Duration = Duration::from_secs(INTAKE_SECONDS + 8 + 6);

/// What becomes of the connections to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    Up,
    /// Bytes go nowhere, and nothing is closed: a server that is stopped.
    Frozen,
    /// Connections are closed, and new ones too.
    Down,
}

/// A way to the database that can be cut.
pub struct Way {
    port: u16,
    pub line: watch::Sender<Line>,
}

impl Way {
    pub async fn to(database_url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let line = watch::Sender::new(Line::Up);
        let (seen, server) = (line.subscribe(), server_of(database_url).to_owned());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server.clone(), seen.clone()));
            }
        });
        Self { port, line }
    }

    pub fn url(&self, database_url: &str) -> String {
        database_url.replace(server_of(database_url), &format!("127.0.0.1:{}", self.port))
    }
}

fn server_of(url: &str) -> &str {
    let host = url.rsplit_once('@').expect("a user").1;
    host.split_once('/').expect("a database").0
}

async fn carry(mut client: TcpStream, server: String, mut line: watch::Receiver<Line>) {
    if *line.borrow() == Line::Up {
        let mut server = TcpStream::connect(server).await.expect("the server");
        tokio::select! {
            _ = copy_bidirectional(&mut client, &mut server) => return,
            _ = line.wait_for(|line| *line != Line::Up) => {}
        }
        // Both ends stay open while the line is frozen.
        let _ = line.wait_for(|line| *line == Line::Down).await;
        return;
    }
    let _ = line.wait_for(|line| *line == Line::Down).await;
}

fn spawn(database_url: &str, brokers: &str, prefix: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_topup"))
        .arg("worker")
        .env("DATABASE_URL", database_url)
        .env("KAFKA_BROKERS", brokers)
        .env("TOPUP__KAFKA__TOPIC_PREFIX", prefix)
        .env("TOPUP__KAFKA__GROUP_ID", prefix)
        .env("TOPUP__WORKER__SHUTDOWN_SECONDS", INTAKE_SECONDS.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process")
}

/// SIGTERM, and how long the process takes from there.
fn terminate(mut process: Child) -> Duration {
    let began = Instant::now();
    let pid = process.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("kill");
    assert!(sent.success());
    while process.try_wait().expect("a child").is_none() {
        if began.elapsed() > 4 * BOUND {
            process.kill().expect("SIGKILL");
            process.wait().expect("gone");
            return began.elapsed();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    began.elapsed()
}

async fn stops_with_the_database(test: &str, line: Line) {
    let world = World::new(test).await;
    let way = Arc::new(Way::to(&world.database.url).await);
    let url = way.url(&world.database.url);
    let process = spawn(&url, &world.brokers, &world.name);
    world.applied("c-1", "account.upsert", "ACC-1", account("ACC-1")).await;
    way.line.send_replace(line);
    // Something is in hand, and cannot be written.
    let value = command("c-2", "account.upsert", &account("ACC-2"));
    world.publish(&world.topics.commands, "ACC-2", &value).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let took = tokio::task::spawn_blocking(move || terminate(process)).await.expect("measured");
    assert!(took < BOUND, "{line:?}: {took:?}");
    way.line.send_replace(Line::Down);
    let worker = world.start().await;
    assert_eq!(world.outcome("c-2").await, ("applied".to_owned(), None));
    worker.shutdown().await;
    world.finish().await;
}

/// Who stopped in order reads nothing any more, and `status` does not say that it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_stopped_has_left_its_partitions() {
    let world = World::new("s_left").await;
    let worker = world.start().await;
    let states = "SELECT string_agg(DISTINCT state, ' ') || ' ' || count(*) FROM partition_states";
    world.until(states, "flowing 6").await;
    worker.shutdown().await;
    assert_eq!(world.value(states).await, "left 6");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_stops_while_the_database_is_frozen() {
    stops_with_the_database("s_frozen", Line::Frozen).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_stops_while_the_database_is_down() {
    stops_with_the_database("s_down", Line::Down).await;
}

/// The database does not answer from the start: there is no worker yet to be stopped in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_stops_while_it_starts() {
    let world = World::new("s_start").await;
    let way = Way::to(&world.database.url).await;
    way.line.send_replace(Line::Frozen);
    let process = spawn(&way.url(&world.database.url), &world.brokers, &world.name);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let took = tokio::task::spawn_blocking(move || terminate(process)).await.expect("measured");
    assert!(took < BOUND, "{took:?}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_stops_while_kafka_is_down() {
    let world = World::new("s_kafka").await;
    let topics = world.topics.all().map(|topic| (topic, 2));
    let kafka = MockKafka::start(&topics).expect("a broker");
    let process = spawn(&world.database.url, kafka.brokers(), &world.name);
    let assigned = "SELECT count(*) > 0 FROM checkpoints";
    world.until(assigned, "true").await;
    kafka.down();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let took = tokio::task::spawn_blocking(move || terminate(process)).await.expect("measured");
    assert!(took < BOUND, "{took:?}");
    world.finish().await;
}
