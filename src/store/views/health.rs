//! Facts that `doctor` judges. It connects on its own, without the worker's role, because what is
//! wrong may be that very role.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::migrate::Migrator;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use super::Result;
use super::status::BlockingSession;
use crate::store::doors::{self, Trust};
use crate::store::{ConnectOptions, PgPool, pool, sql};

const SERVER: &str = sql!("views_health_server");
const ENCRYPTION: &str = sql!("views_health_encryption");
const PRIVILEGES: &str = sql!("views_health_privileges");
const MIGRATIONS: &str = sql!("views_health_migrations");
const HAS_MIGRATIONS: &str = sql!("views_health_has_migrations");

const FUTURE: &str = sql!("views_status_future");
const USAGE_MONTHS: &str = sql!("views_health_usage_months");
const OUTBOX_RANGES: &str = sql!("views_health_outbox_ranges");
const FAILING: &str = sql!("views_health_failing");
const BLOCKING: &str = sql!("views_status_blocking");
const RELAY: &str = sql!("views_health_relay");
const PARTITIONS: &str = sql!("views_health_partitions");

static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

#[derive(Debug, Clone, FromRow)]
pub struct ServerFacts {
    pub version_number: i32,
    pub version: String,
    pub fsync: String,
    pub full_page_writes: String,
    /// How the database keeps text.
    pub encoding: String,
    pub in_recovery: bool,
    pub now: DateTime<Utc>,
}

/// What the role may do with one append-only table.
#[derive(Debug, Clone, FromRow)]
pub struct TablePrivileges {
    #[sqlx(rename = "table_name")]
    pub table: String,
    pub exists: bool,
    /// SELECT and INSERT; None when role or table is missing.
    pub may_write: Option<bool>,
    /// UPDATE, DELETE or TRUNCATE.
    pub may_change: Option<bool>,
    pub role_exists: bool,
    pub role_is_superuser: bool,
    /// Whether the user of the URL may take on the role.
    pub may_become: bool,
}

/// A partition that does not flow, or what a log did and nobody has settled.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct PartitionFact {
    pub found: String,
    /// It does not flow now.
    pub held: bool,
}

/// How the migrations of this binary compare with those of the database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MigrationFacts {
    pub applied: usize,
    /// In the binary and not in the database.
    pub missing: Vec<i64>,
    /// In the database and not in the binary, which is then older.
    pub unknown: Vec<i64>,
    /// Applied with another text.
    pub changed: Vec<i64>,
    /// Begun and not finished.
    pub failed: Vec<i64>,
}

/// One connection for all questions.
pub struct Examined {
    pool: PgPool,
    trust: Trust,
}

impl Examined {
    /// # Errors
    /// Why the database cannot be reached.
    pub async fn connect(options: &ConnectOptions) -> Result<Self> {
        let trust = doors::trust(&doors::options(&options.url).map_err(sqlx::Error::config)?);
        let one = ConnectOptions { pool_size: 1, role: None, writes: false, ..options.clone() };
        Ok(Self { pool: pool::open(&one).await?, trust })
    }

    /// The protocol that encrypts this connection, if one does, and who had to prove what.
    pub async fn encryption(&mut self) -> Result<(Option<String>, Trust)> {
        let version = sqlx::query_scalar(ENCRYPTION).fetch_optional(&self.pool).await?;
        Ok((version.flatten(), self.trust.clone()))
    }

    pub async fn server(&mut self) -> Result<ServerFacts> {
        sqlx::query_as(SERVER).fetch_one(&self.pool).await
    }

    pub async fn privileges(&mut self, role: &str) -> Result<Vec<TablePrivileges>> {
        sqlx::query_as(PRIVILEGES).bind(role).fetch_all(&self.pool).await
    }

    /// # Errors
    /// What the database says; also when it is not migrated.
    pub async fn partitions(&mut self) -> Result<Vec<PartitionFact>> {
        sqlx::query_as(PARTITIONS).fetch_all(&self.pool).await
    }

    /// Where each partition stands.
    ///
    /// # Errors
    /// What the database says; also when it is not migrated.
    pub async fn checkpoints(&mut self) -> Result<Vec<super::status::CheckpointRow>> {
        super::status::checkpoints(&mut *self.pool.reading().await?).await
    }

    /// Workers that told of themselves within the last day.
    ///
    /// # Errors
    /// What the database says; also when it is not migrated.
    pub async fn workers(&mut self) -> Result<Vec<super::status::WorkerRow>> {
        super::status::workers(&mut *self.pool.reading().await?).await
    }

    /// This month and the next, where charges have no partition for them.
    ///
    /// # Errors
    /// What the database says; also when it is not migrated.
    pub async fn missing_months(&mut self) -> Result<Vec<String>> {
        sqlx::query_scalar(USAGE_MONTHS).fetch_all(&self.pool).await
    }

    /// How many events have a range of the outbox before one has none; below zero where some came
    /// without.
    ///
    /// # Errors
    /// What the database says; also when it is not migrated.
    pub async fn ids_ahead(&mut self) -> Result<i64> {
        sqlx::query_scalar(OUTBOX_RANGES).fetch_one(&self.pool).await
    }

    /// Statements that are complete up to a time that has not come, in words.
    ///
    /// # Errors
    /// What the database says; also when it is not migrated.
    pub async fn future_statements(&mut self) -> Result<Vec<String>> {
        let rows = sqlx::query(FUTURE).fetch_all(&self.pool).await?;
        let words = |row: &PgRow| {
            let (id, of): (&str, &str) =
                (row.try_get("statement_id")?, row.try_get("bank_account")?);
            let through: super::time::At = row.try_get("complete_through")?;
            Ok(format!("statement {id} of {of} is complete through {through}"))
        };
        rows.iter().map(words).collect()
    }

    /// What is not published, and whether a key is held: in words.
    ///
    /// # Errors
    /// What the database says; also when it is not migrated.
    pub async fn relay(&mut self) -> Result<Vec<PartitionFact>> {
        let rows = sqlx::query(RELAY).fetch_all(&self.pool).await?;
        let fact = |row: &PgRow| {
            let kind: &str = row.try_get("kind")?;
            Ok(PartitionFact { found: row.try_get("found")?, held: kind == "held" })
        };
        rows.iter().map(fact).collect()
    }

    /// What fails again and again, and whether it kills its process: in words.
    ///
    /// # Errors
    /// What the database says; also when it is not migrated.
    pub async fn failing(&mut self) -> Result<Vec<PartitionFact>> {
        let rows = sqlx::query(FAILING).fetch_all(&self.pool).await?;
        let fact = |row: &PgRow| {
            Ok(PartitionFact { found: row.try_get("found")?, held: row.try_get("kills")? })
        };
        rows.iter().map(fact).collect()
    }

    /// Sessions that hold locks for which others wait.
    pub async fn blocking(&mut self) -> Result<Vec<BlockingSession>> {
        sqlx::query_as(BLOCKING).fetch_all(&self.pool).await
    }

    /// Whether a watermark of that topic was ever seen.
    ///
    /// # Errors
    /// What the database says; also when it is not migrated.
    pub async fn watermark_ever(&mut self, topic: &str) -> Result<bool> {
        let query = sqlx::query(super::watermarks::EVER).bind(topic);
        query.fetch_one(&self.pool).await?.try_get("ever")
    }

    pub async fn migrations(&mut self) -> Result<MigrationFacts> {
        let present = sqlx::query(HAS_MIGRATIONS).fetch_one(&self.pool).await?;
        let mut applied = BTreeMap::new();
        if present.try_get("present")? {
            let rows = sqlx::query(MIGRATIONS).fetch_all(&self.pool).await?;
            for row in rows {
                let version: i64 = row.try_get("version")?;
                let found: (bool, Vec<u8>) = (row.try_get("success")?, row.try_get("checksum")?);
                applied.insert(version, found);
            }
        }
        Ok(compare(applied))
    }
}

fn compare(mut applied: BTreeMap<i64, (bool, Vec<u8>)>) -> MigrationFacts {
    let mut facts = MigrationFacts { applied: applied.len(), ..MigrationFacts::default() };
    for migration in MIGRATOR.iter() {
        match applied.remove(&migration.version) {
            None => facts.missing.push(migration.version),
            Some((false, _)) => facts.failed.push(migration.version),
            Some((true, checksum)) if checksum != migration.checksum.as_ref() => {
                facts.changed.push(migration.version);
            }
            Some((true, _)) => {}
        }
    }
    facts.unknown.extend(applied.into_keys());
    facts
}
