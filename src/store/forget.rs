//! Forgetting: names, account numbers and texts of a customer or a payer go, and of money that was
//! settled long ago. The schema has what goes where (`forget_page`); here it is asked for, a page
//! at a time, each in the caller's transaction.

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::{PgPool, StoreError, Tx, sql};
use crate::domain::mask;

/// Rows of one page.
const PAGE_ROWS: i32 = 1_000;

/// Whose texts go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    Account(String),
    /// By the account number, letters and digits alone.
    Payer(String),
}

impl Whom {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Account(_) => "account",
            Self::Payer(_) => "payer",
        }
    }

    fn key(&self) -> &str {
        match self {
            Self::Account(key) | Self::Payer(key) => key,
        }
    }

    /// As it is kept and shown: of a payer the end of the number.
    pub fn subject(&self) -> String {
        match self {
            Self::Account(id) => id.clone(),
            Self::Payer(number) => mask::hide(number),
        }
    }

    /// In this order: what a customer is known by finds the letters, and goes last.
    pub fn steps(&self) -> &'static [Stretch] {
        match self {
            Self::Account(_) => &[
                Stretch::Money,
                Stretch::Letters,
                Stretch::Invoices,
                Stretch::Events,
                Stretch::Known,
            ],
            Self::Payer(_) => &[Stretch::Money, Stretch::Letters, Stretch::Advices, Stretch::Known],
        }
    }
}

/// What is gone through, page by page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stretch {
    Money,
    Letters,
    Advices,
    Invoices,
    Events,
    Known,
}

impl Stretch {
    fn word(self) -> &'static str {
        match self {
            Self::Money => "money",
            Self::Letters => "letters",
            Self::Advices => "advices",
            Self::Invoices => "invoices",
            Self::Events => "events",
            Self::Known => "known",
        }
    }

    /// What its rows are called for a person.
    pub fn rows(self) -> &'static str {
        match self {
            Self::Money => "payments and records of the bank",
            Self::Letters => "dead letters",
            Self::Advices => "remittance advices",
            Self::Invoices => "invoices",
            Self::Events => "published events",
            Self::Known => "names and numbers",
        }
    }
}

/// What a page came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub gone: i64,
    /// Behind what the next page begins; none when there is no more.
    pub next: Option<String>,
}

/// What is not settled yet, and how much of each.
pub async fn unsettled(pool: &PgPool, whom: &Whom) -> Result<Vec<(String, i64)>, StoreError> {
    let query = match whom {
        Whom::Account(_) => sqlx::query_as(sql!("forget_unsettled_account")),
        Whom::Payer(_) => sqlx::query_as(sql!("forget_unsettled_payer")),
    };
    Ok(query.bind(whom.key()).fetch_all(pool).await?)
}

/// Notes who has it done, and returns the number of it.
pub async fn begin_in_tx(
    tx: &mut Tx<'_>,
    whom: &Whom,
    (operator, reason): (&str, &str),
    as_of: DateTime<Utc>,
) -> Result<i64, StoreError> {
    let query = scalar!("forget_begin": whom.kind(), whom.subject());
    Ok(query.bind(operator).bind(reason).bind(as_of).fetch_one(&mut **tx).await?)
}

pub async fn page_in_tx(
    tx: &mut Tx<'_>,
    forgetting: i64,
    step: Stretch,
    whom: &Whom,
    after: Option<&str>,
) -> Result<Page, StoreError> {
    let query = query!("forget_page": forgetting, step.word());
    let query = query.bind(whom.key()).bind(after).bind(PAGE_ROWS);
    let row = query.fetch_one(&mut **tx).await?;
    Ok(Page { gone: row.try_get("gone")?, next: row.try_get("until")? })
}

pub async fn end_in_tx(
    tx: &mut Tx<'_>,
    forgetting: i64,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    query!("forget_end": forgetting, at).execute(&mut **tx).await?;
    Ok(())
}

/// The texts of the next stretch of money that was settled and recorded before that.
pub async fn old_in_tx(
    tx: &mut Tx<'_>,
    before: DateTime<Utc>,
    after: Option<&str>,
    at: DateTime<Utc>,
) -> Result<Page, StoreError> {
    let query = query!("forget_old": before, after, at);
    let row = query.fetch_one(&mut **tx).await?;
    Ok(Page { gone: row.try_get("gone")?, next: row.try_get("until")? })
}
