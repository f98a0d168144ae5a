//! The COPY bound: how fast the same new rows go into the same tables with the same constraints
//! when nothing is looked up, locked, updated or deleted. Nothing that keeps these tables can be
//! faster.
//!
//! sqlx does not switch Nagle's algorithm off, which costs each COPY over TCP one delayed
//! acknowledgement (40 ms). A relay from a socket file to the server's port avoids that.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::World;
use crate::data::CURRENCY;
use crate::database::{Database, execute, number};
use crate::limit::BATCH;
use crate::recorded::{KINDS, Payment};
use crate::rows::Rate;

/// Tables in the order in which their keys need each other.
const TABLES: [&str; 6] = [
    "inbox_records (source, message_id, content_hash, kind_id, outcome, record_offset, subject, \
     processed_at, guards)",
    "money_records (payment_id, account_id, currency, amount, allocated, state, \
     reason, origin, received_on, event_sequence, recorded_at, first_decision_id, \
     first_rule_set_version, first_policy_version, first_form, first_rule, first_outcome, \
     first_reason, first_explanation, first_caused_by_source, first_caused_by_id, bank_account, \
     bank_key, content_hash, status, disposition, credit_debit, reversal, announced, \
     booking_date, value_date, bank_transaction_id, end_to_end_id, debtor_name, debtor_account, \
     unstructured)",
    "ledger_transfers (ledger_transaction_id, leg, kind, payment_id, debit, credit, \
     credit_account, currency, amount, posted_at)",
    "allocations (allocation_id, payment_id, invoice_id, account_id, currency, amount, \
     remaining, rule, ledger_transaction_id, allocated_at)",
    "watches (watch_key, payment_id)",
    "outbox (key_kind, record_key, first_sequence, events, form, payload, created_at)",
];

type Texts = [String; TABLES.len()];

pub async fn part(world: &World, payments: &[Payment]) -> Vec<Rate> {
    println!("\n== COPY of the same new rows, batches of {BATCH}");
    let mut first = 0;
    let chunks = payments.chunks(BATCH).map(|chunk| texts(chunk, &mut first));
    let batches: Arc<Vec<Texts>> = Arc::new(chunks.collect());
    let mut rates = Vec::new();
    for connections in [1, 2] {
        let database = world.server.clone_of("base", &format!("copy{connections}")).await;
        execute(&database.pool, KINDS).await;
        // The one rule that new rows alone cannot keep: what is due goes down with them.
        execute(&database.pool, "ALTER TABLE allocations DISABLE TRIGGER allocations_noted").await;
        let seconds = all(&database, &batches, connections).await;
        let found = number(&database.pool, "SELECT count(*) FROM outbox").await;
        assert_eq!(usize::try_from(found), Ok(payments.len()), "rows copied");
        let rate = payments.len() as f64 / seconds;
        println!("COPY, {connections} connections: {rate:.0} payments/s");
        rates.push(Rate { connections, rate });
        world.server.drop(database).await;
    }
    rates
}

async fn all(database: &Database, batches: &Arc<Vec<Texts>>, connections: u32) -> f64 {
    let (pool, socket) = pool(database, connections).await;
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
            let (pool, next, batches) = (pool.clone(), Arc::clone(&next), Arc::clone(batches));
            tokio::spawn(async move {
                while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                    write(&pool, batch).await.expect("a batch");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    let seconds = started.elapsed().as_secs_f64();
    pool.close().await;
    if let Some(folder) = socket {
        let _ = std::fs::remove_dir_all(folder);
    }
    seconds
}

async fn write(pool: &PgPool, batch: &Texts) -> Result<(), sqlx::Error> {
    let mut tx = pool.begin().await?;
    for (table, text) in TABLES.iter().zip(batch) {
        let mut copy = tx.copy_in_raw(&format!("COPY {table} FROM STDIN")).await?;
        copy.send(text.as_bytes()).await?;
        copy.finish().await?;
    }
    tx.commit().await
}

/// Connections through a socket file of our own; straight ones when the server has one itself.
async fn pool(database: &Database, connections: u32) -> (PgPool, Option<PathBuf>) {
    let options: PgConnectOptions = database.url.parse().expect("a database URL");
    if options.get_socket().is_some() {
        return (database.connections(connections).await, None);
    }
    let (host, port) = (options.get_host().to_owned(), options.get_port());
    // Short, because the name of a socket has room for about a hundred bytes.
    let folder = std::env::temp_dir().join(format!("topup-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the socket");
    let path = folder.join(format!(".s.PGSQL.{port}"));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).expect("a socket");
    let server = format!("{host}:{port}");
    std::thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            relay(client, &server);
        }
    });
    let options = options.socket(&folder);
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .min_connections(connections)
        .connect_with(options);
    (pool.await.expect("connections"), Some(folder))
}

fn relay(client: UnixStream, server: &str) {
    let server = TcpStream::connect(server).expect("PostgreSQL");
    server.set_nodelay(true).expect("no delay");
    let (from_client, to_server) = (client.try_clone(), server.try_clone());
    let (from_client, to_server) = (from_client.expect("a socket"), to_server.expect("a socket"));
    std::thread::spawn(move || pump(from_client, to_server));
    std::thread::spawn(move || pump(server, client));
}

/// Ends when either side does.
fn pump(mut from: impl Read, mut to: impl Write) {
    let mut buffer = vec![0; 1 << 18];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}

/// Writes a line to a text.
macro_rules! put {
    ($text:expr, $($arguments:tt)*) => {
        writeln!($text, $($arguments)*).expect("a String takes anything")
    };
}

/// What COPY reads for these payments, one text per table. Sequences go on from `first`, because
/// the keys of events must differ; everything else is as the worker wrote it.
fn texts(payments: &[Payment], first: &mut i64) -> Texts {
    let mut texts = Texts::default();
    for p in payments {
        let owner = p.allocation.as_ref().map(|a| a.account_id.as_str());
        add_records(&mut texts, p);
        add_money(&mut texts, p, owner);
        *first += i64::from(p.events);
        let (key, payload) = (owner.unwrap_or(&p.payment_id), hex(&p.packed));
        let kind = &p.key_kind;
        put!(texts[5], "{kind}\t{key}\t{first}\t{}\t{}\t{payload}\tnow", p.events, p.form);
    }
    texts
}

/// Inbox, watches.
fn add_records(texts: &mut Texts, p: &Payment) {
    let (source, message) = (&p.source, &p.message_id);
    let (hash, kind, offset, subject) = (hex(&p.content_hash), p.kind, p.offset, &p.subject);
    put!(texts[0], "{source}\t{message}\t{hash}\t{kind}\tapplied\t{offset}\t{subject}\tnow\tf");
    for key in &p.watches {
        put!(texts[4], "{key}\t{}", p.payment_id);
    }
}

/// Payment with its decision and the bank's record, posting, allocation with its lot.
fn add_money(texts: &mut Texts, p: &Payment, owner: Option<&str>) {
    let (id, amount, ledger, state) = (&p.payment_id, p.amount, p.ledger_id, &p.state);
    let (account, reason) = (or_null(owner), or_null(p.reason.as_deref()));
    let sequence = (p.sequence != 0).then(|| p.sequence.to_string());
    let (booked, sequence) = (p.booking_date, or_null(sequence.as_deref()));
    let allocated = owner.map_or(0, |_| amount);
    let (decision, rule, outcome) = (p.decision_id, &p.rule, &p.outcome);
    let (form, why) = (p.why.0, hex(&p.why.1));
    let (source, message) = (&p.source, &p.message_id);
    put!(
        texts[1],
        "{id}\t{account}\t{CURRENCY}\t{amount}\t{allocated}\t{state}\t{reason}\tbank\t\
         {booked}\t{sequence}\tnow\t{decision}\t1\t0\t{form}\t{rule}\t{outcome}\t{reason}\t{why}\t\
         {source}\t{message}\t{}",
        told(p)
    );
    let credit = if owner.is_some() { "customer_balance" } else { "unallocated_cash" };
    let kind = &p.ledger_kind;
    put!(
        texts[2],
        "{ledger}\t1\t{kind}\t{id}\tbank_clearing\t{credit}\t{account}\t{CURRENCY}\t{amount}\t\
         now"
    );
    if let Some(allocation) = &p.allocation {
        let (link, invoice) = (allocation.id, &allocation.invoice_id);
        put!(
            texts[3],
            "{link}\t{id}\t{invoice}\t{account}\t{CURRENCY}\t{amount}\t{amount}\t{rule}\t\
             {ledger}\tnow"
        );
    }
}

/// What the bank told, in the columns behind those of the payment.
fn told(p: &Payment) -> String {
    let (account, key, hash) = (&p.bank_account, &p.bank_key, hex(&p.bank_hash));
    let (booked, bank_id) = (p.booking_date, &p.bank_id);
    let (end, name, debtor, text) =
        (&p.end_to_end, &p.debtor_name, &p.debtor_account, escaped(&p.text));
    format!(
        "{account}\t{key}\t{hash}\tBOOK\tpayment\tCRDT\tf\tf\t{booked}\t{booked}\t{bank_id}\t\
         {end}\t{name}\t{debtor}\t{text}"
    )
}

fn or_null(text: Option<&str>) -> &str {
    text.unwrap_or("\\N")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("\\\\x".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes anything");
        text
    })
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t")
}
