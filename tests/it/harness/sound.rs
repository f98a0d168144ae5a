//! A database of a test's own, on the server that `DATABASE_URL` names.

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use topup::store::PgPool;

use super::template;

const SOUND: &str = include_str!("../audit_teeth/sound.sql");

/// A database with the schema and the small sound book, dropped at the end.
pub struct Database {
    name: String,
    options: PgConnectOptions,
    server: PgConnection,
}

impl Database {
    pub async fn create(name: &str) -> Self {
        let url = std::env::var("DATABASE_URL").expect("DATABASE_URL names a PostgreSQL");
        let options: PgConnectOptions = url.parse().expect("DATABASE_URL is a URL");
        let mut server = PgConnection::connect_with(&options).await.expect("connects");
        let name = format!("cli_{name}_{}", std::process::id());
        execute(&mut server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        template::copy_to(&name).await;
        let options = options.database(&name);
        let mut own = PgConnection::connect_with(&options).await.expect("connects");
        execute(&mut own, SOUND).await;
        Self { name, options, server }
    }

    #[allow(dead_code, reason = "not every test that has a database needs its URL")]
    pub fn url(&self) -> String {
        use sqlx::ConnectOptions;
        self.options.to_url_lossy().to_string()
    }

    pub async fn pool(&self) -> PgPool {
        let options = self.options.clone();
        let pool = PgPoolOptions::new().max_connections(2).connect_with(options);
        pool.await.expect("connects").into()
    }

    pub async fn drop(mut self) {
        let name = &self.name;
        execute(&mut self.server, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
    }
}

pub async fn execute(connection: &mut PgConnection, sql: &str) {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await;
    if let Err(error) = done {
        panic!("{sql}: {error}");
    }
}
