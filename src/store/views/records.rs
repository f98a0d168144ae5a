//! What became of each record: the inbox, later deliveries, dead letters, what it changed.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{FromRow, Row};

use super::dead_letters::LetterRow;
use super::invoices::{self, AllocationRow};
use super::payments::{self, DecisionView};
use super::time::At;
use super::{Listed, Page, Result};
use crate::domain::effect::{Ending, is_of_nobody};
use crate::domain::keys;
use crate::store::PgPool;
use crate::store::sql;

const RECENT: &str = sql!("views_records_recent");
const BY_OUTCOME: &str = sql!("views_records_by_outcome");
const BY_KEY: &str = sql!("views_record_by_key");
const BY_ID: &str = sql!("views_records_by_id");
const BY_POSITION: &str = sql!("views_record_by_position");
const KEY_BY_POSITION: &str = sql!("views_record_key_by_position");
const NAMED: &str = sql!("views_records_named");
const REPEATS: &str = sql!("views_repeats_of_record");
const REPEAT_AT: &str = sql!("views_repeat_at");
const DEAD_LETTERS: &str = sql!("views_dead_letters_of_record");
const WAITING: &str = sql!("views_waiting_of_record");
const COMMANDS: &str = sql!("views_waiting_commands");
const PAYMENTS: &str = sql!("views_payments_of_record");

#[derive(Debug, Clone)]
pub struct RecordFilter {
    pub outcome: Option<String>,
    pub topic: Option<String>,
    pub source: Option<String>,
    pub since: DateTime<Utc>,
}

/// Where a page of records begins: the last row of the page before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordCursor {
    pub processed_at: DateTime<Utc>,
    pub source: String,
    pub message_id: String,
}

/// How a person names a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordName {
    Id(String),
    Key { source: String, id: String },
    Position { topic: String, partition: i32, offset: i64 },
}

/// What names a record.
#[derive(FromRow)]
struct Key {
    source: String,
    message_id: String,
}

#[derive(Debug, Clone, Serialize, FromRow)]
pub struct RecordRow {
    pub source: String,
    pub message_id: String,
    pub message_type: String,
    pub outcome: String,
    pub code: Option<String>,
    pub topic: String,
    pub partition: i32,
    #[sqlx(rename = "record_offset")]
    pub offset: i64,
    pub subject: Option<String>,
    pub processed_at: At,
}

#[derive(Debug, Clone, Serialize, FromRow)]
pub struct RepeatRow {
    pub topic: String,
    pub partition: i32,
    #[sqlx(rename = "record_offset")]
    pub offset: i64,
    pub outcome: String,
    pub code: Option<String>,
    pub seen_at: At,
}

#[derive(Debug, Clone, Serialize, FromRow)]
pub struct WaitingRow {
    pub needs: String,
    pub since: At,
    pub deadline: At,
}

row! {
    /// A command that waits.
    #[derive(Debug, Clone)]
    pub struct WaitingCommand {
        pub source: String,
        pub message_id: String,
        pub message_type: String,
        /// None where it names no customer.
        pub account_id: Option<String> = |row, _| Ok(customer(row.try_get("wait_key")?)),
        pub needs: String,
        pub since: At,
        pub deadline: At,
        /// The command that is in its way.
        pub behind: Option<String>,
        wait_key: String,
        waiting_id: i64,
    }
}

/// Whose queue it is.
fn customer(wait_key: String) -> Option<String> {
    Some(wait_key).filter(|key| !is_of_nobody(key))
}

#[derive(Debug, Clone, Serialize)]
pub struct RecordView {
    #[serde(flatten)]
    pub row: RecordRow,
    pub repeats: Vec<RepeatRow>,
    pub dead_letters: Vec<LetterRow>,
    pub waiting: Option<WaitingRow>,
    /// Decisions that this record caused.
    pub decisions: Vec<DecisionView>,
    /// Live allocations of the payments and the invoice that it is about.
    pub allocations: Vec<AllocationRow>,
}

impl RecordCursor {
    /// Reads `TIME/SOURCE/ID`, with slashes of the source escaped.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '/');
        let processed_at = DateTime::parse_from_rfc3339(parts.next()?).ok()?;
        Some(Self {
            processed_at: processed_at.with_timezone(&Utc),
            source: keys::whole(parts.next()?, '/'),
            message_id: parts.next()?.to_owned(),
        })
    }
}

impl RecordName {
    /// `ID`, `SOURCE/ID` or `TOPIC:PARTITION:OFFSET`. Ids may hold colons, so what looks like a
    /// position may be an id: [`find`] tries that first.
    pub fn parse(text: &str) -> Self {
        if let Some((source, id)) = text.split_once('/') {
            return Self::Key { source: source.to_owned(), id: id.to_owned() };
        }
        let mut parts = text.rsplitn(3, ':');
        let offset = parts.next().and_then(|part| part.parse().ok());
        let partition = parts.next().and_then(|part| part.parse().ok());
        match (parts.next(), partition, offset) {
            (Some(topic), Some(partition), Some(offset)) => {
                Self::Position { topic: topic.to_owned(), partition, offset }
            }
            _ => Self::Id(text.to_owned()),
        }
    }
}

pub async fn list(
    pool: &PgPool,
    filter: &RecordFilter,
    cursor: Option<&RecordCursor>,
    page: &Page,
) -> Result<Listed<RecordRow>> {
    let most = |outcome: &str| outcome == Ending::Applied.word();
    let sql = if filter.outcome.as_deref().is_none_or(most) { RECENT } else { BY_OUTCOME };
    let items = sqlx::query_as(sql)
        .bind(cursor.map(|cursor| cursor.processed_at))
        .bind(cursor.map(|cursor| cursor.source.as_str()))
        .bind(cursor.map(|cursor| cursor.message_id.as_str()))
        .bind(filter.since)
        .bind(&filter.outcome)
        .bind(&filter.topic)
        .bind(&filter.source)
        .bind(page.fetch())
        .fetch_all(pool)
        .await?;
    Ok(Listed::page(items, page, |row: &RecordRow| {
        let at = row.processed_at.exact();
        format!("{at}/{}/{}", keys::part(&row.source, '/'), row.message_id)
    }))
}

/// The records that `name` may mean; more than one when several sources use the same id. What could
/// not be read stands under its place; it is found by the name that it gives itself too.
pub async fn find(pool: &PgPool, name: &RecordName) -> Result<Vec<RecordRow>> {
    let found = known(pool, name).await?;
    if !found.is_empty() {
        return Ok(found);
    }
    let (whole, parts) = match name {
        RecordName::Id(id) => (id.clone(), Vec::new()),
        RecordName::Position { topic, partition, offset } => {
            (format!("{topic}:{partition}:{offset}"), Vec::new())
        }
        RecordName::Key { source, id } => {
            let whole = format!("{source}/{id}");
            let parts = whole.match_indices('/').filter_map(|(at, _)| {
                Some((whole.get(..at)?.to_owned(), whole.get(at.checked_add(1)?..)?.to_owned()))
            });
            let parts = parts.collect();
            (whole, parts)
        }
    };
    let mut found = named(pool, None, &whole).await?;
    for (source, id) in parts {
        found.extend(named(pool, Some(&source), &id).await?);
    }
    Ok(found)
}

async fn named(pool: &PgPool, source: Option<&str>, id: &str) -> Result<Vec<RecordRow>> {
    let keys: Vec<Key> = sqlx::query_as(NAMED).bind(source).bind(id).fetch_all(pool).await?;
    let mut found: Vec<RecordRow> = Vec::new();
    for key in keys {
        found.extend(by_key(pool, &key.source, &key.message_id).await?);
    }
    Ok(found)
}

async fn known(pool: &PgPool, name: &RecordName) -> Result<Vec<RecordRow>> {
    match name {
        RecordName::Key { source, id } => by_slashes(pool, &format!("{source}/{id}")).await,
        RecordName::Id(id) => by_id(pool, id).await,
        RecordName::Position { topic, partition, offset } => {
            let as_id = format!("{topic}:{partition}:{offset}");
            let found = by_id(pool, &as_id).await?;
            if !found.is_empty() {
                return Ok(found);
            }
            by_position(pool, topic, *partition, *offset).await
        }
    }
}

/// Outcome and code of the record at a place, where it was not the first of its id.
pub async fn repeat_at(
    pool: &PgPool,
    topic: &str,
    partition: i32,
    offset: i64,
) -> Result<Option<(String, Option<String>)>> {
    let bound = sqlx::query(REPEAT_AT).bind(topic).bind(partition).bind(offset);
    let row = bound.fetch_optional(pool).await?;
    row.map(|row| Ok((row.try_get("outcome")?, row.try_get("code")?))).transpose()
}

async fn by_key(pool: &PgPool, source: &str, id: &str) -> Result<Vec<RecordRow>> {
    sqlx::query_as(BY_KEY).bind(source).bind(id).fetch_all(pool).await
}

/// A source may hold slashes, and so may an id: each slash may be the one between them.
async fn by_slashes(pool: &PgPool, text: &str) -> Result<Vec<RecordRow>> {
    let mut found = by_id(pool, text).await?;
    for (at, _) in text.match_indices('/') {
        let (source, id) = (text.get(..at), text.get(at.saturating_add(1)..));
        found.extend(by_key(pool, source.unwrap_or_default(), id.unwrap_or_default()).await?);
    }
    Ok(found)
}

async fn by_id(pool: &PgPool, id: &str) -> Result<Vec<RecordRow>> {
    sqlx::query_as(BY_ID).bind(id).fetch_all(pool).await
}

async fn by_position(
    pool: &PgPool,
    topic: &str,
    partition: i32,
    offset: i64,
) -> Result<Vec<RecordRow>> {
    let keys: Vec<Key> = sqlx::query_as(KEY_BY_POSITION)
        .bind(topic)
        .bind(partition)
        .bind(offset)
        .fetch_all(pool)
        .await?;
    let mut found = Vec::new();
    for key in keys {
        found.extend(by_key(pool, &key.source, &key.message_id).await?);
    }
    if !found.is_empty() {
        return Ok(found);
    }
    sqlx::query_as(BY_POSITION).bind(topic).bind(partition).bind(offset).fetch_all(pool).await
}

/// Everything that is known about one record.
pub async fn show(pool: &PgPool, row: RecordRow) -> Result<RecordView> {
    let letters = sqlx::query_as(DEAD_LETTERS)
        .bind(&row.source)
        .bind(&row.message_id)
        .bind(&row.topic)
        .bind(row.partition)
        .bind(row.offset);
    let (decisions, allocations) = changes(pool, &row).await?;
    Ok(RecordView {
        repeats: sqlx::query_as(REPEATS)
            .bind(&row.source)
            .bind(&row.message_id)
            .fetch_all(pool)
            .await?,
        dead_letters: letters.fetch_all(pool).await?,
        waiting: sqlx::query_as(WAITING)
            .bind(&row.source)
            .bind(&row.message_id)
            .fetch_optional(pool)
            .await?,
        decisions,
        allocations,
        row,
    })
}

/// By the subject: the payment itself, or the payments that the invoice was paid from.
async fn changes(
    pool: &PgPool,
    row: &RecordRow,
) -> Result<(Vec<DecisionView>, Vec<AllocationRow>)> {
    let subject = row.subject.as_deref().and_then(|s| s.split_once(':'));
    let (payments, allocations) = match subject {
        Some(("payment", id)) => (vec![id.to_owned()], payments::allocations(pool, id).await?),
        Some(("invoice", id)) => {
            let rows = sqlx::query(PAYMENTS).bind(id).fetch_all(pool).await?;
            let ids = rows.iter().map(|row| row.try_get("payment_id"));
            (ids.collect::<Result<_>>()?, invoices::allocations(pool, id).await?)
        }
        _ => (Vec::new(), Vec::new()),
    };
    let mut caused = Vec::new();
    for payment_id in payments {
        let decisions = payments::decisions(pool, &payment_id).await?;
        let by_this = |decision: &DecisionView| {
            decision.caused_by_source == row.source && decision.caused_by_id == row.message_id
        };
        caused.extend(decisions.into_iter().filter(by_this));
    }
    Ok((caused, allocations))
}

/// Commands that wait; the cursor is a queue and a number in it.
pub async fn waiting(
    pool: &PgPool,
    account: Option<&str>,
    page: &Page,
) -> Result<Listed<WaitingCommand>> {
    let after = page.after.as_deref().and_then(|after| after.rsplit_once(':'));
    let number = |(_, number): (&str, &str)| number.parse::<i64>().ok();
    let query = sqlx::query_as(COMMANDS)
        .bind(account)
        .bind(after.map(|(key, _)| key))
        .bind(after.and_then(number).unwrap_or_default())
        .bind(page.fetch());
    let items = query.fetch_all(pool).await?;
    Ok(Listed::page(items, page, |row: &WaitingCommand| {
        format!("{}:{}", row.wait_key, row.waiting_id)
    }))
}

/// Whose a command is that waits: none where it names no customer, or waits no more.
pub async fn waits_for(pool: &PgPool, source: &str, id: &str) -> Result<Option<String>> {
    let row = sqlx::query(WAITING).bind(source).bind(id).fetch_optional(pool).await?;
    let key: Option<String> = row.map(|row| row.try_get("wait_key")).transpose()?;
    Ok(key.and_then(customer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_three_names() {
        let key = RecordName::Key { source: "crm".to_owned(), id: "cmd-1".to_owned() };
        assert_eq!(RecordName::parse("crm/cmd-1"), key);
        let position =
            RecordName::Position { topic: "topup.usage.v1".to_owned(), partition: 3, offset: 42 };
        assert_eq!(RecordName::parse("topup.usage.v1:3:42"), position);
        assert_eq!(RecordName::parse("a:b"), RecordName::Id("a:b".to_owned()));
    }

    #[test]
    fn a_cursor_survives_being_printed() {
        let text = "2026-11-22T10:00:00.123456Z/crm/cmd:1";
        let cursor = RecordCursor::parse(text).expect("cursor");
        assert_eq!(cursor.message_id, "cmd:1");
        assert_eq!(RecordCursor::parse("yesterday/crm/1"), None);
        let text = "2026-11-22T10:00:00.123456Z/%2Fbilling%2Fa%2520b/x/1";
        let cursor = RecordCursor::parse(text).expect("cursor");
        assert_eq!((cursor.source.as_str(), cursor.message_id.as_str()), ("/billing/a%20b", "x/1"));
    }
}
