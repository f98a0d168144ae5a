//! Records that are held: dead letters and commands that wait. Their bytes are searched as is.

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::{Hit, is_long};
use crate::store::PgPool;
use crate::store::sql;
use crate::store::views::Result;
use crate::store::views::readings::Reading;
use crate::store::views::time::At;

const LETTERS: &str = sql!("views_find_letters");
const WAITING: &str = sql!("views_find_waiting");

/// The newest of each that are looked at.
const LOOK_MAX: i64 = 2_000;

/// The words as they may be written in a record, and as a pattern those that are amounts.
fn spelt(words: &[Reading]) -> (Vec<String>, Vec<Option<String>>) {
    // What no record has stands for a word that is too short, or in every record.
    let none = || "\u{1}".to_owned();
    let long =
        |word: &Reading| is_long(&word.word) && word.currency.is_none() && word.days.is_empty();
    let of = |word: &Reading| match word.as_amount() {
        _ if !long(word) => (none(), None),
        Some(amount) => (none(), Some(amount)),
        None => (word.word.to_lowercase().replace('\0', "\u{1}"), None),
    };
    words.iter().map(of).unzip()
}

/// Which words fit, and their rank: bytes of a record prove little.
fn ranked(row: &PgRow, words: &[Reading], by_number: bool) -> Result<(Vec<String>, (usize, u32))> {
    let fits: Vec<bool> = row.try_get("fits")?;
    let mut told: Vec<String> = words
        .iter()
        .zip(fits)
        .filter(|(_, fits)| *fits)
        .map(|(word, _)| format!("{}: record", word.word))
        .collect();
    if told.is_empty() && by_number {
        told.push("number".to_owned());
    }
    let sum = u32::try_from(told.len()).unwrap_or(u32::MAX).saturating_mul(2);
    let rank = (told.len(), sum);
    Ok((told, rank))
}

pub(super) async fn letters(pool: &PgPool, words: &[Reading]) -> Result<Vec<Hit>> {
    let numbers: Vec<i64> = words.iter().filter_map(|word| word.number).collect();
    let (spelt, amounts) = spelt(words);
    let rows = sqlx::query(LETTERS)
        .bind(spelt)
        .bind(amounts)
        .bind(LOOK_MAX)
        .bind(&numbers)
        .fetch_all(pool)
        .await?;
    let mut found: Vec<Hit> = Vec::new();
    for row in &rows {
        let letter: i64 = row.try_get("dead_letter_id")?;
        let id = letter.to_string();
        if found.iter().any(|one| one.id == id) {
            continue;
        }
        let (fits, rank) = ranked(row, words, numbers.contains(&letter))?;
        let failed: At = row.try_get("last_failed_at")?;
        let code: String = row.try_get("code")?;
        let message: Option<String> = row.try_get("message_id")?;
        found.push(Hit {
            kind: "dead letter",
            id,
            account_id: None,
            currency: None,
            amount: None,
            state: row.try_get("status")?,
            on: failed.0.date_naive().to_string(),
            masked: false,
            what: Some(match message {
                Some(message) => format!("{code}, record {message}"),
                None => code,
            }),
            fits,
            rank,
        });
    }
    Ok(found)
}

pub(super) async fn waiting(pool: &PgPool, words: &[Reading]) -> Result<Vec<Hit>> {
    let (spelt, amounts) = spelt(words);
    let query = sqlx::query(WAITING).bind(spelt).bind(amounts).bind(LOOK_MAX);
    let rows = query.fetch_all(pool).await?;
    let mut found = Vec::new();
    for row in &rows {
        let (fits, rank) = ranked(row, words, false)?;
        let (source, id): (String, String) = (row.try_get("source")?, row.try_get("message_id")?);
        let (kind, needs): (String, String) = (row.try_get("message_type")?, row.try_get("needs")?);
        let since: At = row.try_get("since")?;
        found.push(Hit {
            kind: "waiting command",
            id: format!("{source}/{id}"),
            account_id: Some(row.try_get("wait_key")?),
            currency: None,
            amount: None,
            state: "waiting".to_owned(),
            on: since.0.date_naive().to_string(),
            masked: false,
            what: Some(format!("{kind}, waits for {needs}")),
            fits,
            rank,
        });
    }
    Ok(found)
}
