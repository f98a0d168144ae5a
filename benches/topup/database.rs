//! The benchmark's own databases: a template with the book, and clones of it.

use std::sync::Mutex;

use sqlx::postgres::{PgConnectOptions, PgPoolCopyExt, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor, PgPool};
use topup::domain::ids::InvoiceId;
use topup::domain::invoice::number_key;

use crate::data::{Book, CURRENCY, SENT_AT, payer_account};

/// Sent to the server at once while the book is copied in.
const COPY_BYTES: usize = 1 << 20;

pub struct Server {
    url: String,
    prefix: String,
    admin: PgPool,
    made: Mutex<Vec<String>>,
    pub version: String,
    /// CREATE DATABASE … STRATEGY came with PostgreSQL 15.
    strategy: &'static str,
}

pub struct Database {
    pub name: String,
    pub url: String,
    pub pool: PgPool,
}

pub fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `make bench`"))
}

pub async fn execute(pool: &PgPool, sql: &str) {
    let done = pool.execute(AssertSqlSafe(sql.to_owned())).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// One number.
pub async fn number(pool: &PgPool, sql: &'static str) -> i64 {
    let found = sqlx::query_scalar(sql).fetch_one(pool).await;
    found.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

impl Server {
    pub async fn connect(prefix: &str) -> Self {
        let url = env("DATABASE_URL");
        let admin = PgPoolOptions::new().max_connections(2).connect(&url).await;
        let admin = admin.expect("PostgreSQL");
        let version = sqlx::query_scalar("SHOW server_version").fetch_one(&admin).await;
        let number: i64 =
            number(&admin, "SELECT current_setting('server_version_num')::bigint").await;
        Self {
            url,
            prefix: prefix.to_owned(),
            admin,
            made: Mutex::default(),
            version: version.expect("a version"),
            strategy: if number >= 150_000 { "STRATEGY file_copy" } else { "" },
        }
    }

    fn name(&self, part: &str) -> String {
        format!("{}_{part}", self.prefix)
    }

    async fn create(&self, part: &str, template: Option<&str>) -> Database {
        let name = self.name(part);
        let mut sql = format!("CREATE DATABASE {name}");
        if let Some(template) = template {
            sql.push_str(&format!(" TEMPLATE {} {}", self.name(template), self.strategy));
        }
        execute(&self.admin, &sql).await;
        self.made.lock().expect("no panic").push(name.clone());
        let cut = self.url.rfind('/').expect("a database in the URL");
        let url = format!("{}/{name}", &self.url[..cut]);
        // The benchmark's own questions read whole tables: what `clone_of` sets is not for them.
        let options: PgConnectOptions = url.parse().expect("a database URL");
        let on = ["enable_seqscan", "enable_hashjoin", "enable_mergejoin"];
        let options = options.options(on.map(|setting| (setting, "on")));
        let pool = PgPoolOptions::new().max_connections(40).connect_with(options).await;
        Database { name, url, pool: pool.expect("own database") }
    }

    /// A database without any tables.
    pub async fn empty(&self, part: &str) -> Database {
        let database = self.create(part, None).await;
        for extension in ["pg_stat_statements", "pg_prewarm"] {
            let sql = format!("CREATE EXTENSION IF NOT EXISTS {extension}");
            if database.pool.execute(AssertSqlSafe(sql)).await.is_err() {
                eprintln!("without {extension}: the server does not have it");
            }
        }
        database
    }

    /// A database with the schema and `book`, to be cloned.
    pub async fn seed(&self, part: &str, book: &Book) {
        self.seeded(part, book).await.pool.close().await;
    }

    /// A database with the schema and `book`.
    pub async fn seeded(&self, part: &str, book: &Book) -> Database {
        let started = std::time::Instant::now();
        let database = self.empty(part).await;
        let pool = &database.pool;
        topup::store::migrate(&pool.clone().into()).await.expect("migrations");
        copy(pool, "accounts (account_id, name, created_at, updated_at)", accounts(book)).await;
        copy(pool, "payer_accounts (payer_account, account_id)", payers(book)).await;
        // Each is compared with its invoice as it becomes payable, in the next statement.
        let later = "TRIGGER invoices_noted";
        execute(pool, &format!("ALTER TABLE invoices DISABLE {later}")).await;
        let columns = "invoices (invoice_id, account_id, name, currency, amount, \
                       payment_reference, number_key, created_at, sent_at, stale_since)";
        copy(pool, columns, invoices(book)).await;
        execute(pool, &format!("ALTER TABLE invoices ENABLE {later}")).await;
        let columns = "payable_invoices (invoice_id, account_id, currency, due, sent_at)";
        copy(pool, columns, payable(book)).await;
        execute(pool, "VACUUM (FREEZE, ANALYZE)").await;
        let size = number(pool, "SELECT pg_database_size(current_database()) / 1000000").await;
        let invoices = book.invoices + book.hot;
        println!(
            "template {part}: {invoices} open invoices of {} accounts, {size} MB, in {:.1} s",
            book.accounts,
            started.elapsed().as_secs_f64()
        );
        database
    }

    /// A fresh copy of the template, in cache, checkpointed.
    pub async fn clone_of(&self, template: &str, part: &str) -> Database {
        let database = self.create(part, Some(template)).await;
        self.warm(&database).await;
        database
    }

    /// Makes it ready to be measured: in cache as far as it fits, its statistics and plans as the
    /// worker has them.
    pub async fn warm(&self, database: &Database) {
        let pool = &database.pool;
        let prewarm = "SELECT count(pg_prewarm(oid)) FROM pg_class \
                       WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace";
        // Without the extension the first batches read from disk: the run is still valid.
        let _ = pool.execute(prewarm).await;
        execute(pool, "VACUUM ANALYZE").await;
        execute(pool, "CHECKPOINT").await;
        // What the worker sets for itself, for every contender: plans that find rows by index.
        for setting in ["enable_seqscan", "enable_hashjoin", "enable_mergejoin"] {
            let name = &database.name;
            execute(pool, &format!("ALTER DATABASE {name} SET {setting} = off")).await;
        }
    }

    pub async fn drop(&self, database: Database) {
        database.pool.close().await;
        self.drop_named(&database.name).await;
        self.made.lock().expect("no panic").retain(|name| *name != database.name);
    }

    async fn drop_named(&self, name: &str) {
        execute(&self.admin, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
    }

    pub async fn drop_all(&self) {
        let names = std::mem::take(&mut *self.made.lock().expect("no panic"));
        for name in names {
            self.drop_named(&name).await;
        }
        self.admin.close().await;
    }
}

impl Database {
    /// A pool of `connections` that are open, as the worker opens them.
    pub async fn connections(&self, connections: u32) -> PgPool {
        self.connections_at(&self.url, connections).await
    }

    pub async fn connections_at(&self, url: &str, connections: u32) -> PgPool {
        let options: PgConnectOptions = url.parse().expect("a database URL");
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .min_connections(connections)
            .connect_with(options.options([("synchronous_commit", "on")]));
        let pool = pool.await.expect("connections");
        while pool.size() < connections {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        pool
    }
}

pub async fn copy(pool: &PgPool, table: &str, lines: impl Iterator<Item = String>) {
    let sql = format!("COPY {table} FROM STDIN");
    let mut copy = pool.copy_in_raw(&sql).await.expect("COPY");
    let mut buffer = String::with_capacity(COPY_BYTES + 1_000);
    for line in lines {
        buffer.push_str(&line);
        buffer.push('\n');
        if buffer.len() >= COPY_BYTES {
            copy.send(buffer.as_bytes()).await.expect("COPY data");
            buffer.clear();
        }
    }
    copy.send(buffer.as_bytes()).await.expect("COPY data");
    copy.finish().await.unwrap_or_else(|error| panic!("COPY {table}: {error}"));
}

fn accounts(book: &Book) -> impl Iterator<Item = String> {
    book.account_ids().map(|id| format!("{id}\tCustomer {id}\t{SENT_AT}\t{SENT_AT}"))
}

pub fn payers(book: &Book) -> impl Iterator<Item = String> {
    book.account_ids().map(|id| format!("{}\t{id}", payer_account(&id)))
}

fn invoices(book: &Book) -> impl Iterator<Item = String> {
    (0..book.invoices + book.hot).map(|index| {
        let invoice = book.invoice(index);
        let number = number_key(&InvoiceId::trusted(&invoice.id));
        let amount = invoice.cents * 10_000;
        format!(
            "{}\t{}\tTopup\t{CURRENCY}\t{amount}\t{}\t{number}\t{SENT_AT}\t{SENT_AT}\t{SENT_AT}",
            invoice.id, invoice.account, invoice.reference
        )
    })
}

fn payable(book: &Book) -> impl Iterator<Item = String> {
    (0..book.invoices + book.hot).map(|index| {
        let invoice = book.invoice(index);
        let due = invoice.cents * 10_000;
        format!("{}\t{}\t{CURRENCY}\t{due}\t{SENT_AT}", invoice.id, invoice.account)
    })
}
