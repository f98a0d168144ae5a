//! Dead letters: groups, lists, one with what it holds. Replay and discard live elsewhere.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{FromRow, Row};

use super::time::At;
use super::{Listed, Page, Result};
use crate::store::PgPool;
use crate::store::dead_letters::LetterState;
use crate::store::sql;

const GROUPS: &str = sql!("views_dead_letter_groups");
const OPEN: &str = sql!("views_dead_letters_open");
const OPEN_KEYS: &str = sql!("views_dead_letter_keys");
const LIST: &str = sql!("views_dead_letters_list");
const SHOW: &str = sql!("views_dead_letter_show");
const REVISIONS: &str = sql!("views_dead_letter_revisions");
const BLOCKS: &str = sql!("views_dead_letter_blocks");
const ACTS: &str = sql!("views_dead_letter_acts");

#[derive(Debug, Clone, Serialize, FromRow)]
pub struct GroupRow {
    pub code: String,
    pub topic: String,
    /// Type and fields, so that what was sent alike is repaired alike.
    pub shape: String,
    pub letters: i64,
    pub oldest: At,
    pub newest: At,
}

#[derive(Debug, Clone)]
pub struct LetterFilter {
    pub code: Option<String>,
    pub topic: Option<String>,
    pub key: Option<String>,
    /// Occurs in the value as these very bytes.
    pub text: Option<String>,
    pub since: DateTime<Utc>,
    /// None: of any status.
    pub status: Option<String>,
}

#[derive(Debug, Clone, Serialize, FromRow)]
pub struct LetterRow {
    pub dead_letter_id: i64,
    pub topic: String,
    pub partition: i32,
    #[sqlx(rename = "record_offset")]
    pub offset: i64,
    pub code: String,
    pub message: String,
    pub attempts: i32,
    pub source: Option<String>,
    pub message_id: Option<String>,
    /// What a record calls itself that could not be read.
    pub named_source: Option<String>,
    pub named_id: Option<String>,
    pub first_failed_at: At,
    pub last_failed_at: At,
    #[serde(rename = "state")]
    pub status: String,
    pub resolved_at: Option<At>,
    pub resolution: Option<String>,
}

/// The record as it was received; bytes, because it may be anything.
#[derive(Debug, Clone, FromRow)]
pub struct LetterView {
    #[sqlx(flatten)]
    pub row: LetterRow,
    pub record_timestamp: Option<At>,
    pub record_key: Option<Vec<u8>>,
    pub record_value: Option<Vec<u8>>,
    /// `[{"name": …, "value_hex": …}]`.
    pub record_headers: String,
    /// The oldest first; the last one counts. Empty: it is as it came.
    #[sqlx(skip)]
    pub revisions: Vec<RevisionRow>,
    #[sqlx(skip)]
    pub blocks: Blocks,
    #[sqlx(skip)]
    pub acts: Vec<ActRow>,
}

/// An edit.
#[derive(Debug, Clone, FromRow)]
pub struct RevisionRow {
    pub revision: i32,
    pub record_value: Option<Vec<u8>>,
    pub operator: String,
    pub reason: String,
    pub made_at: At,
}

/// What stands behind the letter.
#[derive(Debug, Clone, Copy, Default, Serialize, FromRow)]
pub struct Blocks {
    /// Later open letters of its key.
    pub later_letters: i64,
    /// Commands that wait under its key.
    pub waiting_commands: i64,
}

#[derive(Debug, Clone, Serialize, FromRow)]
pub struct ActRow {
    pub act: String,
    pub operator: String,
    pub reason: Option<String>,
    pub outcome: String,
    pub code: Option<String>,
    pub acted_at: At,
    /// Status, code, attempts and revision of the letter, as JSON.
    pub before: Option<String>,
    pub after: Option<String>,
}

pub async fn groups(pool: &PgPool) -> Result<Vec<GroupRow>> {
    sqlx::query_as(GROUPS).fetch_all(pool).await
}

/// # Errors
/// What the database says. The cursor must be a number: the caller checks it.
pub async fn list(
    pool: &PgPool,
    filter: &LetterFilter,
    after: Option<i64>,
    page: &Page,
) -> Result<Listed<LetterRow>> {
    let open = filter.status.as_deref() == Some(LetterState::Open.word());
    let mut query = sqlx::query_as(if open { OPEN } else { LIST })
        .bind(after)
        .bind(&filter.code)
        .bind(&filter.topic)
        .bind(filter.since)
        .bind(page.fetch())
        .bind(filter.key.as_deref().map(str::as_bytes))
        .bind(filter.text.as_deref().map(str::as_bytes));
    if !open {
        query = query.bind(&filter.status);
    }
    let items = query.fetch_all(pool).await?;
    Ok(Listed::page(items, page, |row: &LetterRow| row.dead_letter_id.to_string()))
}

pub async fn show(pool: &PgPool, id: i64) -> Result<Option<LetterView>> {
    let letter: Option<LetterView> = sqlx::query_as(SHOW).bind(id).fetch_optional(pool).await?;
    let Some(letter) = letter else { return Ok(None) };
    Ok(Some(LetterView {
        revisions: sqlx::query_as(REVISIONS).bind(id).fetch_all(pool).await?,
        blocks: sqlx::query_as(BLOCKS).bind(id).fetch_one(pool).await?,
        acts: sqlx::query_as(ACTS).bind(id).fetch_all(pool).await?,
        ..letter
    }))
}

/// Record keys of the newest open letters, each once; those that are text.
pub async fn open_keys(pool: &PgPool) -> Result<Vec<String>> {
    let mut keys = Vec::new();
    for row in sqlx::query(OPEN_KEYS).fetch_all(pool).await? {
        let key: Vec<u8> = row.try_get("record_key")?;
        let text = String::from_utf8(key).ok();
        keys.extend(text.filter(|key| !keys.contains(key)));
    }
    Ok(keys)
}
