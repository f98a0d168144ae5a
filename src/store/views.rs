//! Reads behind the command line: what is stored, as plain data. Nothing here writes or locks.
//!
//! Each list is paged by key (`after`), never by a count of rows to skip; the head of each SQL file
//! names the index that serves it. Amounts leave as text in the currency's own form. Names and
//! account numbers of payers leave masked unless the caller asks for them.

/// A struct that is read from a row, each field from the column of its name; what follows `=` reads
/// it from the row and that name instead. With arguments it is read by `of(row, …)`.
macro_rules! row {
    ($(#[$meta:meta])* $vis:vis struct $name:ident $(with ($arg:ident: $of:ty))? {
        $($(#[$about:meta])* $shown:vis $field:ident: $type:ty $(= $read:expr)?,)*
    }) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[$about])* $shown $field: $type,)*
        }
        row!(@read $name [$($arg: $of)?] row {
            $($field: row!(@field row $field $($read)?),)*
        });
    };
    (@read $name:ident [] $row:ident { $($fields:tt)* }) => {
        impl sqlx::FromRow<'_, sqlx::postgres::PgRow> for $name {
            fn from_row($row: &sqlx::postgres::PgRow) -> sqlx::Result<Self> {
                Ok(Self { $($fields)* })
            }
        }
    };
    (@read $name:ident [$arg:ident: $of:ty] $row:ident { $($fields:tt)* }) => {
        impl $name {
            fn of($row: &sqlx::postgres::PgRow, $arg: $of) -> sqlx::Result<Self> {
                Ok(Self { $($fields)* })
            }
        }
    };
    (@field $row:ident $field:ident) => {
        sqlx::Row::try_get($row, stringify!($field))?
    };
    (@field $row:ident $field:ident $read:expr) => {
        crate::store::views::read($row, stringify!($field), $read)?
    };
}

pub mod accounts;
pub mod advices;
pub mod book;
pub mod dead_letters;

pub mod find;
pub mod health;
pub mod invoices;
pub mod jobs;
pub mod keys;
pub mod ledger;
pub mod near;
pub mod partitions;
pub mod payments;
pub mod readings;
pub mod records;
pub mod returns;
pub mod review;
pub mod same_id;
pub mod search;
pub mod standing;
pub mod statements;
pub mod status;
pub mod steps_back;
pub mod story;
pub mod suggestion;
pub mod time;
pub mod unallocated;
pub mod void_candidates;
pub mod walk;
pub mod watermarks;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use crate::domain::keys::{part, whole};
use crate::domain::mask;
use crate::domain::money::{Currency, wide_number};
use crate::domain::payment::{ParkReason, PaymentState};
use crate::store::PgPool;

type Result<T> = std::result::Result<T, sqlx::Error>;

/// Whether payers' names and account numbers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privacy {
    /// At most the last four characters.
    Masked,
    Full,
}

impl Privacy {
    pub fn text(self, text: &str) -> String {
        match self {
            Self::Full => text.to_owned(),
            Self::Masked => mask::hide(text),
        }
    }

    /// A text of a person: what may be a card's or an account's number in it is hidden.
    fn within(self, text: &str) -> String {
        match self {
            Self::Full => text.to_owned(),
            Self::Masked => mask::hide_numbers(text),
        }
    }

    /// The text of a payer: the payer's own name and number are hidden in it too.
    fn of_payer(self, text: &str, row: &PgRow) -> Result<String> {
        if self == Self::Full {
            return Ok(text.to_owned());
        }
        let name: Option<String> = row.try_get("debtor_name")?;
        let account: Option<String> = row.try_get("debtor_account")?;
        Ok(mask::hide_payer(text, name.as_deref(), account.as_deref()))
    }

    /// The lines of such a text.
    fn within_lines(self, lines: Vec<String>) -> Vec<String> {
        match self {
            Self::Full => lines,
            Self::Masked => mask::hide_numbers_in_lines(&lines),
        }
    }

    /// Whether what is shown is masked: JSON says so.
    pub fn is_masked(self) -> bool {
        self == Self::Masked
    }

    fn optional(self, text: Option<String>) -> Option<String> {
        // What is empty hides nothing.
        text.filter(|text| !text.trim().is_empty()).map(|text| self.text(&text))
    }

    /// The optional text in a column.
    fn column(self, row: &PgRow, column: &str) -> Result<Option<String>> {
        Ok(self.optional(row.try_get(column)?))
    }

    fn each(self, texts: Vec<String>) -> Vec<String> {
        texts.iter().map(|text| self.text(text)).collect()
    }
}

/// Which rows of a list.
#[derive(Debug, Clone)]
pub struct Page {
    /// The key of the last row of the page before.
    pub after: Option<String>,
    pub limit: i64,
}

/// One page; `next` is there when more rows follow.
#[derive(Debug, Clone, Serialize)]
pub struct Listed<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
    /// How far was looked, where that was not to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looked: Option<Looked>,
}

/// A search that stopped before the end of what there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Looked {
    pub rows: usize,
    /// Where it stopped: a day, or an id.
    pub as_far_as: String,
}

impl Looked {
    pub fn sentence(&self) -> String {
        format!("Looked at {} rows, as far as {}.", self.rows, self.as_far_as)
    }
}

impl<T> Listed<T> {
    /// The same page, of other rows.
    pub fn map<U>(self, of: impl FnMut(T) -> U) -> Listed<U> {
        let items = self.items.into_iter().map(of).collect();
        Listed { items, next: self.next, looked: self.looked }
    }

    /// Of one row more than the page holds, which only tells that there are more.
    pub(super) fn page(mut items: Vec<T>, page: &Page, key: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(key);
        Self { items, next, looked: None }
    }
}

impl Page {
    fn fetch(&self) -> i64 {
        self.limit.saturating_add(1)
    }
}

/// Where a page begins that is ordered by an instant and by words: `TIME/WORD/WORD`.
fn cursor(at: &time::At, words: &[&str]) -> String {
    let words = words.iter().map(|word| part(word, '/').into_owned());
    [at.exact()].into_iter().chain(words).collect::<Vec<_>>().join("/")
}

/// An instant, and so many words.
type Cursor<const WORDS: usize> = (Option<DateTime<Utc>>, [Option<String>; WORDS]);

/// Reads [`cursor`] with so many words; the first page has none.
fn read_cursor<const WORDS: usize>(page: &Page) -> Result<Cursor<WORDS>> {
    let none = [const { None }; WORDS];
    let Some(text) = page.after.as_deref() else { return Ok((None, none)) };
    let mut parts = text.split('/');
    let at = DateTime::parse_from_rfc3339(parts.next().unwrap_or_default());
    let at = at.map_err(|error| decode("after", error))?.with_timezone(&Utc);
    let words = none.map(|_| Some(parts.next().map_or_else(String::new, |word| whole(word, '/'))));
    Ok((Some(at), words))
}

/// One field of a `row!`.
fn read<T>(row: &PgRow, column: &str, by: impl FnOnce(&PgRow, &str) -> Result<T>) -> Result<T> {
    by(row, column)
}

/// A field of a `row!` that other statements fill.
fn later<T: Default>(_row: &PgRow, _column: &str) -> Result<T> {
    Ok(T::default())
}

/// The reason of a parked payment, under the name that it has now.
fn park_reason(row: &PgRow, column: &str) -> Result<Option<String>> {
    let stored: Option<String> = row.try_get(column)?;
    let named = |stored: &String| ParkReason::from_code(stored).map(ParkReason::code);
    Ok(stored.as_ref().and_then(named).map(str::to_owned).or(stored))
}

/// The amount in `column`, in the currency of the same row.
fn amount(row: &PgRow, column: &str) -> Result<String> {
    let micros: i64 = row.try_get(column)?;
    number(i128::from(micros), row)
}

fn optional_amount(row: &PgRow, column: &str) -> Result<Option<String>> {
    let micros: Option<i64> = row.try_get(column)?;
    micros.map(|micros| number(i128::from(micros), row)).transpose()
}

/// A sum, which may be larger than one amount can be; it comes as text.
fn sum(row: &PgRow, column: &str) -> Result<String> {
    let text: Option<String> = row.try_get(column)?;
    let micros = text.as_deref().unwrap_or("0").parse::<i128>();
    number(micros.map_err(|error| decode(column, error))?, row)
}

fn number(micros: i128, row: &PgRow) -> Result<String> {
    let code: String = row.try_get("currency")?;
    let currency = Currency::parse(&code).map_err(|error| decode("currency", error))?;
    Ok(written(micros, currency))
}

/// An amount or a sum, which may be larger than an amount can be.
pub fn written(micros: i128, currency: Currency) -> String {
    wide_number(micros, currency.minor_units())
}

fn decode(column: &str, error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: Box::new(error) }
}

/// The less by which a sum of two amounts of one row falls short: `amount - allocated - …`.
fn difference(row: &PgRow, from: &str, less: &[&str]) -> Result<String> {
    let mut micros = i128::from(row.try_get::<i64, _>(from)?);
    for column in less {
        micros = micros.saturating_sub(i128::from(row.try_get::<i64, _>(*column)?));
    }
    number(micros, row)
}

/// What lies unallocated on the payment of a row. What a removed one had has left the books.
fn free_of(row: &PgRow, _column: &str) -> Result<String> {
    if row.try_get::<&str, _>("state")? == PaymentState::Removed.word() {
        return number(0, row);
    }
    difference(row, "amount", &["allocated", "returned", "refunded", "split"])
}

/// The rows of a statement that takes one text.
async fn rows_of<T>(pool: &PgPool, sql: &'static str, id: &str) -> Result<Vec<T>>
where
    T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    sqlx::query_as(sql).bind(id).fetch_all(pool).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masking_keeps_at_most_four_characters() {
        let masked = |text| Privacy::Masked.text(text);
        assert_eq!(masked("DBS0012345678"), "…5678");
        assert_eq!(masked("Tan"), "…n");
        assert_eq!(masked("Al"), "…");
        assert_eq!(Privacy::Full.text("Tan"), "Tan");
    }

    #[test]
    fn a_page_knows_whether_more_follows() {
        let page = Page { after: None, limit: 2 };
        let key = |n: &i32| n.to_string();
        assert_eq!(Listed::page(vec![1, 2], &page, key).next, None);
        let full = Listed::page(vec![1, 2, 3], &page, key);
        assert_eq!((full.items.len(), full.next), (2, Some("2".to_owned())));
    }
}
