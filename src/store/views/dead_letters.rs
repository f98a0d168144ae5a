//! Dead letters: groups, lists, one with what it holds. Replay and discard live elsewhere.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use super::time::At;
use super::{Listed, Page, Result};
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

#[derive(Debug, Clone, Serialize)]
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

#[derive(Debug, Clone, Serialize)]
pub struct LetterRow {
    pub dead_letter_id: i64,
    pub topic: String,
    pub partition: i32,
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
#[derive(Debug, Clone)]
pub struct LetterView {
    pub row: LetterRow,
    pub record_timestamp: Option<At>,
    pub record_key: Option<Vec<u8>>,
    pub record_value: Option<Vec<u8>>,
    /// `[{"name": …, "value_hex": …}]`.
    pub record_headers: String,
    /// The oldest first; the last one counts. Empty: it is as it came.
    pub revisions: Vec<RevisionRow>,
    pub blocks: Blocks,
    pub acts: Vec<ActRow>,
}

/// An edit.
#[derive(Debug, Clone)]
pub struct RevisionRow {
    pub revision: i32,
    pub record_value: Option<Vec<u8>>,
    pub operator: String,
    pub reason: String,
    pub made_at: At,
}

/// What stands behind the letter.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Blocks {
    /// Later open letters of its key.
    pub later_letters: i64,
    /// Commands that wait under its key.
    pub waiting_commands: i64,
}

#[derive(Debug, Clone, Serialize)]
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

/// # Errors
/// What the database says.
pub async fn groups(pool: &PgPool) -> Result<Vec<GroupRow>> {
    let rows = sqlx::query(GROUPS).fetch_all(pool).await?;
    let group = |row: &PgRow| {
        Ok(GroupRow {
            code: row.try_get("code")?,
            topic: row.try_get("topic")?,
            shape: row.try_get("shape")?,
            letters: row.try_get("letters")?,
            oldest: row.try_get("oldest")?,
            newest: row.try_get("newest")?,
        })
    };
    rows.iter().map(group).collect()
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
    let mut query = sqlx::query(if open { OPEN } else { LIST })
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
    let rows = query.fetch_all(pool).await?;
    let items = rows.iter().map(letter_row).collect::<Result<_>>()?;
    Ok(Listed::page(items, page, |row: &LetterRow| row.dead_letter_id.to_string()))
}

pub(super) fn letter_row(row: &PgRow) -> Result<LetterRow> {
    Ok(LetterRow {
        dead_letter_id: row.try_get("dead_letter_id")?,
        topic: row.try_get("topic")?,
        partition: row.try_get("partition")?,
        offset: row.try_get("record_offset")?,
        code: row.try_get("code")?,
        message: row.try_get("message")?,
        attempts: row.try_get("attempts")?,
        source: row.try_get("source")?,
        message_id: row.try_get("message_id")?,
        named_source: row.try_get("named_source")?,
        named_id: row.try_get("named_id")?,
        first_failed_at: row.try_get("first_failed_at")?,
        last_failed_at: row.try_get("last_failed_at")?,
        status: row.try_get("status")?,
        resolved_at: row.try_get("resolved_at")?,
        resolution: row.try_get("resolution")?,
    })
}

/// # Errors
/// What the database says.
pub async fn show(pool: &PgPool, id: i64) -> Result<Option<LetterView>> {
    let Some(row) = sqlx::query(SHOW).bind(id).fetch_optional(pool).await? else {
        return Ok(None);
    };
    let revisions = sqlx::query(REVISIONS).bind(id).fetch_all(pool).await?;
    let blocks = sqlx::query(BLOCKS).bind(id).fetch_one(pool).await?;
    let acts = sqlx::query(ACTS).bind(id).fetch_all(pool).await?;
    Ok(Some(LetterView {
        row: letter_row(&row)?,
        record_timestamp: row.try_get("record_timestamp")?,
        record_key: row.try_get("record_key")?,
        record_value: row.try_get("record_value")?,
        record_headers: row.try_get("record_headers")?,
        revisions: revisions.iter().map(revision_row).collect::<Result<_>>()?,
        blocks: Blocks {
            later_letters: blocks.try_get("later_letters")?,
            waiting_commands: blocks.try_get("waiting_commands")?,
        },
        acts: acts.iter().map(act_row).collect::<Result<_>>()?,
    }))
}

/// Record keys of the newest open letters, each once; those that are text.
///
/// # Errors
/// What the database says.
pub async fn open_keys(pool: &PgPool) -> Result<Vec<String>> {
    let mut keys = Vec::new();
    for row in sqlx::query(OPEN_KEYS).fetch_all(pool).await? {
        let key: Vec<u8> = row.try_get("record_key")?;
        let text = String::from_utf8(key).ok();
        keys.extend(text.filter(|key| !keys.contains(key)));
    }
    Ok(keys)
}

fn revision_row(row: &PgRow) -> Result<RevisionRow> {
    Ok(RevisionRow {
        revision: row.try_get("revision")?,
        record_value: row.try_get("record_value")?,
        operator: row.try_get("operator")?,
        reason: row.try_get("reason")?,
        made_at: row.try_get("made_at")?,
    })
}

fn act_row(row: &PgRow) -> Result<ActRow> {
    Ok(ActRow {
        act: row.try_get("act")?,
        operator: row.try_get("operator")?,
        reason: row.try_get("reason")?,
        outcome: row.try_get("outcome")?,
        code: row.try_get("code")?,
        acted_at: row.try_get("acted_at")?,
        before: row.try_get("before")?,
        after: row.try_get("after")?,
    })
}
