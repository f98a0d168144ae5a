//! What waits for a person's word, and what was learnt from earlier ones.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use super::time::{At, Day};
use super::{Listed, Page, Privacy, Result, amount, free_of, park_reason};
use crate::domain::allocation::Rule;
use crate::domain::payment::{ParkReason, PaymentState};
use crate::domain::review::STRONG_FROM;
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

/// One choice, or a parked payment that has none.
#[derive(Debug, Clone, Serialize)]
pub struct ReviewRow {
    pub suggestion_id: Option<String>,
    pub payment_id: String,
    pub recorded_at: At,
    /// The customer of the suggestion, else of the payment.
    pub account_id: Option<String>,
    pub currency: String,
    pub unallocated: String,
    /// Taken together.
    pub invoices: Vec<String>,
    /// Other payments that are allocated with it.
    pub with_payments: Vec<String>,
    pub proposed: String,
    pub state: String,
    pub reason: Option<String>,
    pub rule: Option<String>,
    /// Whether names and numbers are masked here.
    pub masked: bool,
    pub payer_name: Option<String>,
    pub payer_account: Option<String>,
    /// What speaks for it, in words.
    pub evidence: String,
    #[serde(skip)]
    place: String,
}

/// A payer's account that persons gave to a customer.
#[derive(Debug, Clone, Serialize)]
pub struct AliasRow {
    /// Whether the number is masked here.
    pub masked: bool,
    pub payer_account: String,
    pub account_id: String,
    /// `strong`, `weak`, `shared` or `demoted`.
    pub strength: &'static str,
    pub confirmations: i32,
    pub last_used_on: Day,
    pub demoted_at: Option<At>,
    /// The cursor holds no account number.
    #[serde(skip)]
    alias_id: i64,
}

/// What made an alias (`confirmed`), rested on it (`used`) or took it back (`demoted`).
#[derive(Debug, Clone, Serialize)]
pub struct UseRow {
    pub use_id: i64,
    /// Whether the number is masked here.
    pub masked: bool,
    pub payer_account: String,
    pub account_id: String,
    pub kind: String,
    pub payment_id: String,
    pub decision_id: Option<i64>,
    pub suggestion_id: Option<String>,
    pub used_on: Day,
    pub caused_by: String,
    pub recorded_at: At,
}

/// # Errors
/// What the database says.
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
    let items = rows.iter().map(|row| review_row(row, privacy)).collect::<Result<_>>()?;
    Ok(Listed::page(items, page, |row: &ReviewRow| row.place.clone()))
}

fn review_row(row: &PgRow, privacy: Privacy) -> Result<ReviewRow> {
    let suggested: Option<String> = row.try_get("account_id")?;
    let owner: Option<String> = row.try_get("owner")?;
    let suggestion_id: Option<String> = row.try_get("suggestion_id")?;
    let reason = park_reason(row)?;
    let rule: Option<String> = row.try_get("rule")?;
    let payable: bool = row.try_get("payable")?;
    let with_payments: Vec<String> = row.try_get("with_payments")?;
    let state: String = row.try_get("state")?;
    Ok(ReviewRow {
        evidence: if payable && !with_payments.is_empty() {
            "The payments are exactly the invoice together.".to_owned()
        } else if payable && state == PaymentState::PartlyAllocated.word() {
            "What is left of the payment may be for it.".to_owned()
        } else {
            evidence(suggestion_id.is_some(), payable, reason.as_deref(), rule.as_deref())
        },
        suggestion_id,
        payment_id: row.try_get("payment_id")?,
        recorded_at: row.try_get("recorded_at")?,
        account_id: suggested.or(owner),
        currency: row.try_get("currency")?,
        unallocated: free_of(row)?,
        invoices: row.try_get("invoices")?,
        with_payments,
        proposed: amount(row, "proposed")?,
        state,
        reason,
        rule,
        masked: privacy.is_masked(),
        payer_name: privacy.optional(row.try_get("debtor_name")?),
        payer_account: privacy.optional(row.try_get("debtor_account")?),
        place: row.try_get("place")?,
    })
}

/// Why a person is asked, and whether what they are asked can still be done.
fn evidence(chosen: bool, payable: bool, reason: Option<&str>, rule: Option<&str>) -> String {
    if chosen && !payable {
        return "An invoice of it is not open any more, or the money is not there any more."
            .to_owned();
    }
    let sentence = reason.and_then(ParkReason::from_code).map(ParkReason::sentence);
    let rule = rule.and_then(|word| Rule::ALL.into_iter().find(|rule| rule.word() == word));
    match (sentence, rule) {
        (Some(sentence), _) => sentence.to_owned(),
        (None, Some(rule)) => rule.sentence().to_owned(),
        (None, None) => "Nothing is known about it.".to_owned(),
    }
}

/// # Errors
/// What the database says.
pub async fn aliases(
    pool: &PgPool,
    account: Option<&str>,
    after: Option<i64>,
    page: &Page,
    privacy: Privacy,
) -> Result<Listed<AliasRow>> {
    let query = sqlx::query(ALIASES).bind(after).bind(account).bind(page.fetch());
    let rows = query.fetch_all(pool).await?;
    let items = rows.iter().map(|row| alias(row, privacy)).collect::<Result<_>>()?;
    Ok(Listed::page(items, page, |row: &AliasRow| row.alias_id.to_string()))
}

fn alias(row: &PgRow, privacy: Privacy) -> Result<AliasRow> {
    let confirmations: i32 = row.try_get("confirmations")?;
    let payer_account: String = row.try_get("payer_account")?;
    let account_id: String = row.try_get("account_id")?;
    let shared: bool = row.try_get("shared")?;
    let strength = match (confirmations, shared) {
        (..=0, _) => "demoted",
        (_, true) => "shared",
        (count, false) if u32::try_from(count).is_ok_and(|count| count >= STRONG_FROM) => "strong",
        (_, false) => "weak",
    };
    Ok(AliasRow {
        alias_id: row.try_get("alias_id")?,
        masked: privacy.is_masked(),
        payer_account: privacy.text(&payer_account),
        account_id,
        strength,
        confirmations,
        last_used_on: row.try_get("last_used_on")?,
        demoted_at: row.try_get("demoted_at")?,
    })
}

/// # Errors
/// What the database says.
pub async fn uses(
    pool: &PgPool,
    account: Option<&str>,
    after: Option<i64>,
    page: &Page,
    privacy: Privacy,
) -> Result<Listed<UseRow>> {
    let query = sqlx::query(USES).bind(after).bind(account).bind(page.fetch());
    let rows = query.fetch_all(pool).await?;
    let items = rows.iter().map(|row| used(row, privacy)).collect::<Result<_>>()?;
    Ok(Listed::page(items, page, |row: &UseRow| row.use_id.to_string()))
}

fn used(row: &PgRow, privacy: Privacy) -> Result<UseRow> {
    let (source, id): (String, String) =
        (row.try_get("caused_by_source")?, row.try_get("caused_by_id")?);
    Ok(UseRow {
        use_id: row.try_get("use_id")?,
        masked: privacy.is_masked(),
        payer_account: privacy.text(row.try_get("payer_account")?),
        account_id: row.try_get("account_id")?,
        kind: row.try_get("kind")?,
        payment_id: row.try_get("payment_id")?,
        decision_id: row.try_get("decision_id")?,
        suggestion_id: row.try_get("suggestion_id")?,
        used_on: row.try_get("used_on")?,
        caused_by: format!("{source}/{id}"),
        recorded_at: row.try_get("recorded_at")?,
    })
}
