//! The book in numbers, for graphs and alerts.

use chrono::TimeDelta;
use sqlx::{FromRow, Row};

use super::Result;
use crate::store::{PgPool, sql};

const PATIENCE: &str = sql!("views_book_patience");
const BOOK: &str = sql!("views_book");
const FEED: &str = sql!("candidates_feed");

/// One number of the book.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct BookRow {
    pub metric: String,
    pub label: String,
    pub further: String,
    pub value: i64,
}

/// What a number is called, what it says, and what its labels are.
#[derive(Debug)]
pub struct BookMetric {
    pub name: &'static str,
    pub help: &'static str,
    pub labels: &'static [&'static str],
}

const fn of(name: &'static str, labels: &'static [&'static str], help: &'static str) -> BookMetric {
    BookMetric { name, help, labels }
}

const FEED_NAME: &str = "bank_feed_complete_through_timestamp_seconds";

/// All numbers that there may be.
pub const METRICS: [BookMetric; 20] = [
    of("parked_payments", &["reason", "currency"], "Payments that wait for a person."),
    of("parked_amount_micros", &["reason", "currency"], "Their money, in millionths."),
    of("parked_oldest_seconds", &["reason"], "Since the oldest of them was received."),
    of("suggestions_open", &[], "Suggestions that nobody has answered."),
    of("suggestions_oldest_seconds", &[], "Since the oldest of them was made."),
    of("dead_letters_open", &["code", "topic"], "Dead letters that nobody has resolved."),
    of("waiting_commands", &["need"], "Commands that wait, by what for."),
    of("waiting_next_deadline_timestamp_seconds", &[], "When the first of them ends."),
    of("holds_open", &[], "Holds of usage that are live."),
    of("outbox_unpublished", &[], "Rows of events and copies of dead letters to be published."),
    of("outbox_oldest_seconds", &[], "Since the oldest of them was written."),
    of("outbox_held_keys", &[], "Keys whose events Kafka refuses."),
    of("job_last_success_timestamp_seconds", &["job_name"], "When the job was done last."),
    of("job_last_findings", &["job_name"], "What it found then."),
    of("failing_items", &["kind"], "What failed and is tried again."),
    of("log_changes_open", &[], "Changes of a log that nobody has settled."),
    of("book_at_least", &["of"], "1 where the number is a part of what there is."),
    of("workers", &[], "Workers that have given a sign of life in the last 90 s."),
    of(
        "usage_watermark_timestamp_seconds",
        &[],
        "How far the usage feed is known: of its partitions, the one that is least.",
    ),
    // Which account it is, is no label: `topup statements list` says so.
    of(
        FEED_NAME,
        &[],
        "How far the banks' statements reach: of the accounts, the one that is least.",
    ),
];

/// Reads all of it in one transaction, each statement within two seconds, and at most `bound` rows
/// of each kind. `skew` is what clocks may differ by.
///
/// # Errors
/// What the database says; also that it took too long.
pub async fn read(pool: &PgPool, skew: TimeDelta, bound: i64) -> Result<Vec<BookRow>> {
    let mut tx = pool.begin().await?;
    sqlx::query(PATIENCE).execute(&mut *tx).await?;
    let book = sqlx::query_as(BOOK).bind(skew).bind(bound);
    let mut rows: Vec<BookRow> = book.fetch_all(&mut *tx).await?;
    let feed = sqlx::query(FEED).bind(skew).fetch_optional(&mut *tx).await?;
    if let Some(feed) = feed {
        let through: Option<chrono::DateTime<chrono::Utc>> = feed.try_get("through")?;
        // An account without any statement is known up to no time at all.
        let value = through.map_or(0, |through| through.timestamp());
        let (label, further) = (String::new(), String::new());
        rows.push(BookRow { metric: FEED_NAME.to_owned(), label, further, value });
    }
    tx.rollback().await?;
    Ok(rows)
}
