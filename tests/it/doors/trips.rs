//! How often a connection waits for the server: nothing in between must cost nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use topup::store::{ConnectOptions, Pooler, connect};

use crate::harness::{Database, PATIENCE, env};

/// Hands on what both sides say, and counts how often the server is done with what it was asked.
struct Between {
    port: u16,
    done: Arc<AtomicUsize>,
}

impl Between {
    async fn start() -> Self {
        let server: PgConnectOptions = env("DATABASE_URL").parse().expect("a URL");
        let server = (server.get_host().to_owned(), server.get_port());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let done = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&done);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(server.clone()).await.expect("the server");
                let (mut asks, hears) = client.into_split();
                let (answers, mut asked) = server.into_split();
                tokio::spawn(async move { tokio::io::copy(&mut asks, &mut asked).await });
                tokio::spawn(hand_back(answers, hears, Arc::clone(&counted)));
            }
        });
        Self { port, done }
    }

    fn url(&self, database: &Database) -> String {
        format!("postgres://topup@127.0.0.1:{}/{}?sslmode=disable", self.port, database.name)
    }

    fn take(&self) -> usize {
        self.done.swap(0, Ordering::SeqCst)
    }
}

/// Message by message, as the protocol has them: a kind, and a length that counts itself.
async fn hand_back(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, done: Arc<AtomicUsize>) {
    while let Ok(kind) = from.read_u8().await {
        let length = from.read_i32().await.expect("a length");
        let mut message = vec![0; usize::try_from(length).expect("a length") - 4];
        from.read_exact(&mut message).await.expect("a message");
        let length = length.to_be_bytes();
        if kind == b'Z' {
            done.fetch_add(1, Ordering::SeqCst);
        }
        let whole = [&[kind], &length[..], &message].concat();
        if to.write_all(&whole).await.is_err() {
            return;
        }
    }
}

/// A transaction with two statements, and a statement on its own; the third time, when all that is
/// kept is kept. A connection that comes back is asked once whether it lives, at any moment after:
/// what is counted begins and ends when it is back.
macro_rules! trips {
    ($between:expr, $pool:expr, $idle:expr) => {{
        for _ in 0..3 {
            until_it_is_back($idle).await;
            $between.take();
            let mut transaction = $pool.begin().await.expect("begins");
            for text in ["SELECT $1::bigint", "SELECT $1::bigint + 1"] {
                let asked = sqlx::query_scalar::<_, i64>(text).bind(1_i64);
                asked.fetch_one(&mut *transaction).await.expect("an answer");
            }
            transaction.commit().await.expect("ends");
            let asked = sqlx::query_scalar::<_, i64>("SELECT $1::bigint").bind(1_i64);
            asked.fetch_one(&$pool).await.expect("an answer");
        }
        until_it_is_back($idle).await;
        let counted = $between.take();
        $pool.close().await;
        counted
    }};
}

/// Until the one connection of a pool can be had again.
async fn until_it_is_back(idle: impl Fn() -> usize) {
    let back = async {
        while idle() != 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, back).await.expect("the connection is back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_pooler_no_statement_costs_a_round_trip_more() {
    let database = Database::new("trips").await;
    let between = Between::start().await;
    let url = between.url(&database);
    let bare = PgPoolOptions::new().max_connections(1).connect(&url).await.expect("a pool");
    let bare = trips!(between, bare, || bare.num_idle());
    let ours = async |pooler| {
        let options = ConnectOptions { pool_size: 1, pooler, ..ConnectOptions::new(&url) };
        let pool = connect(&options).await.expect("a pool");
        trips!(between, pool, || pool.driver().num_idle())
    };
    assert!(bare > 0, "they are counted");
    assert_eq!(ours(Pooler::None).await, bare);
    assert_eq!(ours(Pooler::Session).await, bare);
    // Two statements are parsed again, and one has a transaction of its own.
    assert_eq!(ours(Pooler::Transaction).await, bare + 5);
    database.finish().await;
}
