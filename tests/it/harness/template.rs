//! One migrated database for each content of `migrations/`, which every test copies: a copy takes
//! a part of the time that the migrations take.

use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row};
use tokio::sync::OnceCell;

use super::{env, times};

/// Taken by whoever makes the template: other test processes on the server wait for it.
const LOCK: i64 = 0x746f_7075_7000;

static TEMPLATE: OnceCell<String> = OnceCell::const_new();

/// Creates the database `name` with the schema.
pub async fn copy_to(name: &str) {
    times::begin();
    let template = TEMPLATE.get_or_init(made).await;
    let mut server = server().await;
    execute(&mut server, &format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
    server.close().await.expect("close");
}

/// The template's name; it is made if it is not there.
async fn made() -> String {
    let migrations = sqlx::migrate!("./migrations");
    let mut content = Sha256::new();
    for migration in migrations.iter() {
        content.update(&migration.checksum);
    }
    let digest = content.finalize();
    let words: Vec<String> = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let name = format!("topup_template_{}", words.concat());
    let mut server = server().await;
    execute(&mut server, &format!("SELECT pg_advisory_lock({LOCK})")).await;
    let there = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1 AND datistemplate)";
    let there = sqlx::query(there).bind(&name).fetch_one(&mut server).await.expect("asked");
    if !there.get::<bool, _>(0) {
        // One that was cut off has no mark yet.
        execute(&mut server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        execute(&mut server, &format!("CREATE DATABASE {name}")).await;
        let pool = PgPoolOptions::new().max_connections(1);
        let pool = pool.connect_with(options().database(&name)).await.expect("the template");
        topup::store::migrate(&pool.clone().into()).await.expect("migrates");
        pool.close().await;
        execute(&mut server, &format!("ALTER DATABASE {name} IS_TEMPLATE true")).await;
    }
    // Closing releases the lock.
    server.close().await.expect("close");
    name
}

fn options() -> PgConnectOptions {
    env("DATABASE_URL").parse().expect("a database URL")
}

async fn server() -> PgConnection {
    options().connect().await.expect("PostgreSQL")
}

async fn execute(connection: &mut PgConnection, sql: &str) {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await;
    if let Err(error) = done {
        panic!("{sql}: {error}");
    }
}
