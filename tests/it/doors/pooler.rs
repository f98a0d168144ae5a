//! PgBouncer, as Debian ships it, between us and PostgreSQL.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Executor, Row};
use topup::app::worker_options;
use topup::store::{ConnectOptions, Pooler, connect, in_force};

use super::certificates::Folder;
use super::database::user;
use super::{Settings, but, said};
use crate::harness::records::{account, credit};
use crate::harness::{PATIENCE, World, env};

/// The program and its libraries, to where its user may come: a checkout may be closed to him.
fn copy_program(folder: &Folder) {
    let unpacked = super::broker::dev().join("pgbouncer/usr");
    let program = unpacked.join("sbin/pgbouncer");
    let copied = std::fs::copy(&program, folder.file("pgbouncer"));
    copied.unwrap_or_else(|error| panic!("{}: {error}: run dev/install", program.display()));
    let beside = std::fs::read_dir(unpacked.join("lib")).into_iter().flatten().flatten();
    for library in beside.flat_map(|place| std::fs::read_dir(place.path())).flatten().flatten() {
        let name = library.file_name().to_string_lossy().into_owned();
        if name.contains(".so") {
            std::fs::copy(library.path(), folder.file(&name)).expect("copied");
        }
    }
}

/// What is asked to see what is in force; the answer of a session that nobody told anything.
const ASKED: [&str; 7] = [
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "enable_seqscan",
    "enable_hashjoin",
    "jit",
    "role",
];
const OURS: &str = "30s|5s|35s|off|off|off|topup_worker";

struct PgBouncer {
    process: Child,
    port: u16,
    _folder: Folder,
}

impl PgBouncer {
    /// In front of the test server, with so many connections to it.
    fn start(mode: &str, connections: u32, more: &str) -> Self {
        let folder = Folder::new(&format!("pgbouncer-{mode}-{}", more.len()));
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let server: PgConnectOptions = env("DATABASE_URL").parse().expect("a URL");
        let (host, server) = (server.get_host().to_owned(), server.get_port());
        let users = folder.file("users.txt");
        std::fs::write(&users, "\"topup\" \"\"\n").expect("written");
        let settings = format!(
            "[databases]\n* = host={host} port={server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {users}\n\
             pool_mode = {mode}\ndefault_pool_size = {connections}\n{more}\n"
        );
        let file = folder.file("pgbouncer.ini");
        std::fs::write(&file, settings).expect("written");
        copy_program(&folder);
        let mut pgbouncer = Command::new(folder.file("pgbouncer"));
        pgbouncer.env("LD_LIBRARY_PATH", folder.path()).arg(&file).current_dir("/");
        if let Some((uid, gid)) = user() {
            // It does not run as root.
            pgbouncer.uid(uid).gid(gid);
        }
        let log = std::fs::File::create(folder.file("log")).expect("a file");
        let process = pgbouncer.stdout(Stdio::null()).stderr(log).spawn().expect("PgBouncer");
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = || std::fs::read_to_string(folder.file("log")).unwrap_or_default();
            assert!(started.elapsed() < PATIENCE, "no PgBouncer: {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { process, port, _folder: folder }
    }

    fn url(&self, world: &World) -> String {
        format!("postgres://topup@127.0.0.1:{}/{}", self.port, world.database.name)
    }

    /// What a worker or a command needs to go through it.
    fn settings(&self, world: &World, pooler: &str) -> Settings {
        vec![
            ("KAFKA__BROKERS", world.brokers.clone()),
            ("DATABASE__URL", self.url(world)),
            ("DATABASE__POOLER", pooler.to_owned()),
        ]
    }

    /// Another program that uses this database and knows nothing of us.
    async fn stranger(&self, world: &World) -> PgConnection {
        let url: PgConnectOptions = self.url(world).parse().expect("a URL");
        let url = url.extra_float_digits(None);
        PgConnection::connect_with(&url).await.expect("a stranger")
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        // Nothing is lost with it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn question() -> String {
    let each = ASKED.map(|name| format!("current_setting('{name}')"));
    format!("SELECT {}", each.join(" || '|' || "))
}

/// By the simple protocol: no statement of a stranger has a name.
async fn seen(stranger: &mut PgConnection) -> String {
    let row = stranger.fetch_one(sqlx::raw_sql(AssertSqlSafe(question()))).await;
    row.expect("an answer").get(0)
}

/// From a bank's record to a published event, and a job.
async fn works(world: &mut World, name: &str, settings: &Settings) {
    for (key, value) in settings {
        world.set(key, value);
    }
    let worker = world.start().await;
    let customer = format!("ACC-{name}");
    let id = format!("c-{name}");
    world.applied(&id, "account.upsert", &customer, account(&customer)).await;
    let paid: Vec<String> = (0..40).map(|number| format!("b-{name}-{number}")).collect();
    for id in &paid {
        world.bank(id, credit(id, "12.00")).await;
    }
    for id in &paid {
        assert_eq!(world.outcome(id).await, ("applied".to_owned(), None), "{id}");
    }
    assert!(!world.events().await.is_empty());
    for words in [
        &["jobs", "run", "reconcile", "--operator", "me"][..],
        &["payments", "list"],
        &["balances", "list"],
        &["status"],
        &["find", "12.00"],
        &["ledger", "export", "--format", "csv"],
        &["doctor", "--output", "json"],
        &["audit"],
    ] {
        let (exit, text) = said(world, settings, words);
        assert_eq!(exit, Some(0), "{name} {words:?}: {text}");
    }
    worker.shutdown().await;
}

/// What the pool gives for a transaction, and for a statement on its own.
async fn ours_is_in_force(options: &ConnectOptions) {
    let pool = connect(options).await.expect("a pool");
    for _ in 0..3 {
        let mut within = pool.begin().await.expect("a transaction");
        let asked = sqlx::query_scalar(AssertSqlSafe(question()));
        let said: String = asked.fetch_one(&mut *within).await.expect("an answer");
        assert_eq!(said, OURS);
        within.rollback().await.expect("it ends");
        let asked = sqlx::query_scalar(AssertSqlSafe(question()));
        let said: String = asked.fetch_one(&pool).await.expect("an answer");
        assert_eq!(said, OURS, "a statement on its own");
        let asked = sqlx::query_scalar(AssertSqlSafe(question()));
        let said: Vec<String> = asked.fetch_all(&pool).await.expect("an answer");
        assert_eq!(said, [OURS], "a list on its own");
    }
    pool.close().await;
    let missing = in_force::differences(options).await.expect("an answer");
    assert!(missing.is_empty(), "{missing:?}");
}

/// One connection to the server for all clients: whoever leaves something there leaves it to all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_of_transactions_keeps_nothing_between_clients() {
    let mut world = World::with_partitions("pooler_tx", 1).await;
    let narrow = PgBouncer::start("transaction", 1, "");
    let settings = narrow.settings(&world, "transaction");
    let mut stranger = narrow.stranger(&world).await;
    let untold = seen(&mut stranger).await;
    assert_ne!(untold, OURS);
    for (key, value) in &settings {
        world.set(key, value);
    }
    let options = worker_options(&world.config());
    assert_eq!(options.pooler, Pooler::Transaction);
    ours_is_in_force(&options).await;
    assert_eq!(seen(&mut stranger).await, untold, "nothing of ours is left to others");
    // Nor does what others leave reach us: settings, and statements of the same names.
    // (The driver's last statement may still be there under its name.)
    let left = "DEALLOCATE ALL; SET statement_timeout = 1; SET lock_timeout = 1; \
                SET enable_seqscan = on; SET ROLE pg_monitor; \
                PREPARE sqlx_s_1 AS SELECT 'a stranger''s'; \
                PREPARE sqlx_s_2 AS SELECT 'a stranger''s'";
    stranger.execute(sqlx::raw_sql(left)).await.expect("it is left");
    ours_is_in_force(&options).await;
    stranger.execute(sqlx::raw_sql("RESET ALL; RESET ROLE")).await.expect("as it was");

    // A transaction that cannot begin leaves no connection that is of no use.
    let role = Some(world.name.clone());
    let lost = ConnectOptions { pool_size: 1, role, writes: false, ..options.clone() };
    let pool = connect(&lost).await.expect("a pool");
    pool.begin().await.expect_err("there is no such role");
    world.database.execute(&format!("CREATE ROLE {}", world.name)).await;
    pool.begin().await.expect("there is now").rollback().await.expect("it ends");
    pool.close().await;
    world.database.execute(&format!("DROP ROLE {}", world.name)).await;

    let wide = PgBouncer::start("transaction", 4, "max_client_conn = 50");
    let through = wide.settings(&world, "transaction");
    works(&mut world, "tx", &through).await;
    let (exit, text) = said(&world, &through, &["migrate"]);
    assert!(exit == Some(1) && text.contains("database_pooler_migrates_not"), "{text}");
    drop(wide);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_of_sessions_gives_each_client_its_own() {
    let mut world = World::with_partitions("pooler_s", 1).await;
    let pgbouncer = PgBouncer::start("session", 30, "");
    let settings = pgbouncer.settings(&world, "session");
    let mut stranger = pgbouncer.stranger(&world).await;
    let untold = seen(&mut stranger).await;
    works(&mut world, "s", &settings).await;
    ours_is_in_force(&worker_options(&world.config())).await;
    assert_eq!(seen(&mut stranger).await, untold);
    // The connections that were ours are handed on as they were.
    for _ in 0..10 {
        let mut next = pgbouncer.stranger(&world).await;
        assert_eq!(seen(&mut next).await, untold);
        std::mem::forget(next);
    }
    let (exit, text) = said(&world, &settings, &["migrate"]);
    assert_eq!(exit, Some(0), "{text}");
    drop(pgbouncer);
    world.finish().await;
}

/// Who does not say that there is a pooler is told what he lacks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_is_not_set_is_told() {
    let world = World::with_partitions("pooler_none", 1).await;
    let strict = PgBouncer::start("session", 5, "");
    let settings = strict.settings(&world, "none");
    for words in [&["doctor", "--output", "json"][..], &["worker"], &["payments", "list"]] {
        let (exit, text) = said(&world, &settings, words);
        assert!(exit == Some(1) && text.contains("set database.pooler"), "{words:?}: {text}");
        assert!(text.contains("database_refused"), "{words:?}: {text}");
    }
    drop(strict);
    let lax =
        PgBouncer::start("session", 5, "ignore_startup_parameters = extra_float_digits,options");
    let settings = lax.settings(&world, "none");
    let (exit, text) = said(&world, &settings, &["doctor", "--output", "json"]);
    assert_eq!(exit, Some(1), "{text}");
    for (name, wanted) in [("statement_timeout", "30000"), ("enable_seqscan", "off")] {
        let missing = format!("{name} is ");
        assert!(text.contains(&missing) && text.contains(&format!("not {wanted}")), "{text}");
    }
    let (exit, text) = said(&world, &settings, &["worker"]);
    assert!(exit == Some(1) && text.contains("database_settings_dropped"), "{text}");
    let (exit, text) =
        said(&world, &but(settings, &[("DATABASE__POOLER", "session")]), &["doctor"]);
    assert_eq!(exit, Some(0), "{text}");
    drop(lax);
    world.finish().await;
}
