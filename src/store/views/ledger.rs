//! The books for another program, posting by posting, as they come from the database: in memory is
//! never more than one.

use chrono::{DateTime, NaiveDate, Utc};
use futures::TryStreamExt;
use serde::Deserialize;
use sqlx::types::Json;
use sqlx::{Connection, PgConnection};

use crate::store::PgPool;
use crate::store::audit::{SNAPSHOT, read_whole_tables};
use crate::store::sql;

const EXPORT: &str = sql!("views_ledger_export");

/// Which part of the books.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What was recorded by then; all of it, if absent.
    pub as_of: Option<DateTime<Utc>>,
    /// The zone whose days the postings have.
    pub zone: String,
    /// Only postings that touch this customer, whole.
    pub account_id: Option<String>,
}

/// What the books consist of, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "part", rename_all = "snake_case")]
pub enum Part {
    Currency { code: String },
    Account(Account),
    Posting(Posting),
    Balance(Balance),
}

/// A ledger account that has entries.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Account {
    pub ledger_account: String,
    pub account_id: Option<String>,
    /// The day of its first entry.
    pub day: NaiveDate,
    pub currencies: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Posting {
    pub posting_id: i64,
    pub day: NaiveDate,
    pub posted_at: String,
    pub kind: String,
    pub payment_id: Option<String>,
    /// Source and id of the records that were decided by it.
    pub records: Option<Vec<String>>,
    pub invoices: Option<Vec<String>>,
    pub charges: Option<Vec<String>>,
    pub refunds: Option<Vec<String>>,
    pub entries: Vec<Entry>,
}

/// A credit is positive.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Entry {
    pub ledger_account: String,
    pub account_id: Option<String>,
    pub currency: String,
    #[serde(deserialize_with = "micros")]
    pub micros: i128,
}

/// What a customer's balance is, as it is stored beside the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Balance {
    pub account_id: String,
    pub currency: String,
    #[serde(deserialize_with = "micros")]
    pub micros: i128,
}

/// They come as text: no reader of JSON makes a fraction of them.
fn micros<'de, D: serde::Deserializer<'de>>(from: D) -> Result<i128, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map_err(serde::de::Error::custom)
}

/// Hands over each part as it comes. When `each` fails, nothing more is read.
pub async fn read<E: From<sqlx::Error>>(
    pool: &PgPool,
    wanted: &Wanted,
    each: impl FnMut(Part) -> Result<(), E>,
) -> Result<(), E> {
    let mut connection = pool.taken().await?;
    // A connection that goes back to the pool is read to its end first: whoever wants no more, as
    // `head` does, would wait for all that the books have left.
    if let Err(error) = read_in(pool, &mut connection, wanted, each).await {
        connection.close_hard().await?;
        return Err(error);
    }
    Ok(connection.close().await?)
}

async fn read_in<E: From<sqlx::Error>>(
    pool: &PgPool,
    connection: &mut PgConnection,
    wanted: &Wanted,
    mut each: impl FnMut(Part) -> Result<(), E>,
) -> Result<(), E> {
    let mut snapshot = pool.begin_on(connection, SNAPSHOT).await?;
    read_whole_tables(&mut snapshot).await?;
    let asked = sqlx::query_scalar::<_, Json<Part>>(EXPORT);
    let asked = asked.bind(wanted.as_of).bind(&wanted.zone).bind(&wanted.account_id);
    let mut parts = asked.fetch(&mut *snapshot);
    while let Some(Json(part)) = parts.try_next().await? {
        each(part)?;
    }
    Ok(())
}
