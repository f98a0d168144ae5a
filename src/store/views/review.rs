//! What waits for a person's word, and what was learnt from earlier ones.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::time::{At, Day};
use super::{Listed, Page, Privacy, Result, amount, free_of, park_reason};
use crate::domain::account::STRONG_FROM;
use crate::domain::allocation::Rule;
use crate::domain::payment::{ParkReason, PaymentState};
use crate::store::PgPool;
use crate::store::sql;

const LIST: &str = sql!("views_review");
const ALIASES: &str = sql!("views_aliases");
const USES: &str = sql!("views_alias_uses");

#[derive(Debug, Clone, Default)]
pub struct ReviewFilter {
    pub account: Option<String>,
    pub reason: Option<String>,
    pub rule: Option<String>,
    /// Recorded before that instant.
    pub before: Option<DateTime<Utc>>,
}

row! {
    /// One choice, or a parked payment that has none.
    #[derive(Debug, Clone, Serialize)]
    pub struct ReviewRow with (privacy: Privacy) {
        pub suggestion_id: Option<String>,
        pub payment_id: String,
        pub recorded_at: At,
        /// The customer of the suggestion, else of the payment.
        pub account_id: Option<String> = whose,
        pub currency: String,
        pub unallocated: String = free_of,
        /// Taken together.
        pub invoices: Vec<String>,
        /// Other payments that are allocated with it.
        pub with_payments: Vec<String>,
        pub proposed: String = amount,
        pub state: String,
        pub reason: Option<String> = park_reason,
        pub rule: Option<String>,
        /// Whether names and numbers are masked here.
        pub masked: bool = |_, _| Ok(privacy.is_masked()),
        pub payer_name: Option<String> = |row, _| privacy.column(row, "debtor_name"),
        pub payer_account: Option<String> = |row, _| privacy.column(row, "debtor_account"),
        /// What speaks for it, in words.
        pub evidence: String = evidence,
        #[serde(skip)]
        place: String,
    }
}

row! {
    /// A payer's account that persons gave to a customer.
    #[derive(Debug, Clone, Serialize)]
    pub struct AliasRow with (privacy: Privacy) {
        /// Whether the number is masked here.
        pub masked: bool = |_, _| Ok(privacy.is_masked()),
        pub payer_account: String = |row, column| Ok(privacy.text(row.try_get(column)?)),
        pub account_id: String,
        /// `strong`, `weak`, `shared` or `demoted`.
        pub strength: &'static str = strength,
        pub confirmations: i32,
        pub last_used_on: Day,
        pub demoted_at: Option<At>,
        /// The cursor holds no account number.
        #[serde(skip)]
        alias_id: i64,
    }
}

row! {
    /// What made an alias (`confirmed`), rested on it (`used`) or took it back (`demoted`).
    #[derive(Debug, Clone, Serialize)]
    pub struct UseRow with (privacy: Privacy) {
        pub use_id: i64,
        /// Whether the number is masked here.
        pub masked: bool = |_, _| Ok(privacy.is_masked()),
        pub payer_account: String = |row, column| Ok(privacy.text(row.try_get(column)?)),
        pub account_id: String,
        pub kind: String,
        pub payment_id: String,
        pub decision_id: Option<i64>,
        pub suggestion_id: Option<String>,
        pub used_on: Day,
        pub caused_by: String = caused_by,
        pub recorded_at: At,
    }
}

pub async fn list(
    pool: &PgPool,
    filter: &ReviewFilter,
    page: &Page,
    privacy: Privacy,
) -> Result<Listed<ReviewRow>> {
    let rows = sqlx::query(LIST)
        .bind(&page.after)
        .bind(&filter.account)
        .bind(&filter.reason)
        .bind(&filter.rule)
        .bind(filter.before)
        .bind(page.fetch())
        .fetch_all(pool)
        .await?;
    let items = rows.iter().map(|row| ReviewRow::of(row, privacy)).collect::<Result<_>>()?;
    Ok(Listed::page(items, page, |row: &ReviewRow| row.place.clone()))
}

fn whose(row: &PgRow, _column: &str) -> Result<Option<String>> {
    let suggested: Option<String> = row.try_get("account_id")?;
    Ok(suggested.or(row.try_get("owner")?))
}

/// Why a person is asked, and whether what they are asked can still be done.
fn evidence(row: &PgRow, _column: &str) -> Result<String> {
    let payable: bool = row.try_get("payable")?;
    let chosen = row.try_get::<Option<&str>, _>("suggestion_id")?.is_some();
    let with: Vec<String> = row.try_get("with_payments")?;
    let rest = row.try_get::<&str, _>("state")? == PaymentState::PartlyAllocated.word();
    let reason = park_reason(row, "reason")?;
    let sentence = reason.as_deref().and_then(ParkReason::from_code).map(ParkReason::sentence);
    let rule: Option<&str> = row.try_get("rule")?;
    let rule = rule.and_then(|word| Rule::ALL.into_iter().find(|rule| rule.word() == word));
    let told = if payable && !with.is_empty() {
        "The payments are exactly the invoice together."
    } else if payable && rest {
        "What is left of the payment may be for it."
    } else if chosen && !payable {
        "An invoice of it is not open any more, or the money is not there any more."
    } else {
        sentence.or(rule.map(Rule::sentence)).unwrap_or("Nothing is known about it.")
    };
    Ok(told.to_owned())
}

pub async fn aliases(
    pool: &PgPool,
    account: Option<&str>,
    after: Option<i64>,
    page: &Page,
    privacy: Privacy,
) -> Result<Listed<AliasRow>> {
    let query = sqlx::query(ALIASES).bind(after).bind(account).bind(page.fetch());
    let rows = query.fetch_all(pool).await?;
    let items = rows.iter().map(|row| AliasRow::of(row, privacy)).collect::<Result<_>>()?;
    Ok(Listed::page(items, page, |row: &AliasRow| row.alias_id.to_string()))
}

fn strength(row: &PgRow, _column: &str) -> Result<&'static str> {
    let (confirmations, shared): (i32, bool) =
        (row.try_get("confirmations")?, row.try_get("shared")?);
    Ok(match (confirmations, shared) {
        (..=0, _) => "demoted",
        (_, true) => "shared",
        (count, false) if u32::try_from(count).is_ok_and(|count| count >= STRONG_FROM) => "strong",
        (_, false) => "weak",
    })
}

pub async fn uses(
    pool: &PgPool,
    account: Option<&str>,
    after: Option<i64>,
    page: &Page,
    privacy: Privacy,
) -> Result<Listed<UseRow>> {
    let query = sqlx::query(USES).bind(after).bind(account).bind(page.fetch());
    let rows = query.fetch_all(pool).await?;
    let items = rows.iter().map(|row| UseRow::of(row, privacy)).collect::<Result<_>>()?;
    Ok(Listed::page(items, page, |row: &UseRow| row.use_id.to_string()))
}

fn caused_by(row: &PgRow, _column: &str) -> Result<String> {
    let (source, id): (&str, &str) =
        (row.try_get("caused_by_source")?, row.try_get("caused_by_id")?);
    Ok(format!("{source}/{id}"))
}
