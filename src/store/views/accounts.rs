//! Accounts and balances. Index of each read: see the head of its SQL file.

use serde::Serialize;
use sqlx::{FromRow, Row};

use super::invoices::{self, InvoiceRow};
use super::payments::{self, PaymentFilter, PaymentRow};
use super::search::Words;
use super::time::{At, Day};
use super::walk::LOOK_MAX;
use super::{Listed, Looked, Page, Privacy, Result, amount, optional_amount, rows_of, sum};
use crate::store::PgPool;
use crate::store::sql;

const LIST: &str = sql!("views_accounts_list");
const SHOW: &str = sql!("views_account_show");
const BALANCES: &str = sql!("views_balances_list");
const BALANCES_OF: &str = sql!("views_balances_of_account");
const HOLDS_OF: &str = sql!("views_holds_of_account");
const LOTS_OF: &str = sql!("views_lots_of_account");

const LEARNED: &str = sql!("views_payers_learned");
const UNALLOCATED: &str = sql!("views_unallocated_of_account");

/// Customers of one statement.
const STEP: i64 = 5_000;
/// Open invoices and last payments that are shown with a customer.
const SHOWN: i64 = 10;

/// Lots shown of one account; older ones are mostly used up.
const LOTS_MAX: i64 = 50;

#[derive(Debug, Clone, Serialize, FromRow)]
pub struct AccountRow {
    pub account_id: String,
    pub name: Option<String>,
    pub closed_at: Option<At>,
    pub created_at: At,
    pub updated_at: At,
}

#[derive(Debug, Clone, Serialize)]
pub struct AccountView {
    pub account_id: String,
    pub name: Option<String>,
    pub closed_at: Option<At>,
    pub created_at: At,
    pub updated_at: At,
    pub stale_after_days: Option<i32>,
    pub time_zone: Option<String>,
    /// Whether numbers are masked here.
    pub masked: bool,
    pub payer_accounts: Vec<String>,
    pub virtual_accounts: Vec<String>,
    /// Accounts of payers that persons confirmed for this customer.
    pub learned_payers: Vec<LearnedPayer>,
    /// Invoices that await payment.
    pub awaiting_payment: i64,
    /// The oldest of them.
    pub open_invoices: Vec<InvoiceRow>,
    /// The newest first.
    pub last_payments: Vec<PaymentRow>,
    /// Money of payments that lies on no invoice.
    pub unallocated: Vec<UnallocatedSum>,
    pub balances: Vec<BalanceRow>,
}

row! {
    #[derive(Debug, Clone, Serialize)]
    pub struct LearnedPayer with (privacy: Privacy) {
        pub payer_account: String = |row, column| Ok(privacy.text(row.try_get(column)?)),
        pub confirmations: i32,
        pub last_used_on: Day,
    }
}

row! {
    #[derive(Debug, Clone, Serialize)]
    pub struct UnallocatedSum {
        pub currency: String,
        pub payments: i64,
        pub unallocated: String = sum,
    }
}

row! {
    #[derive(Debug, Clone, Serialize)]
    pub struct BalanceRow {
        pub account_id: String,
        pub currency: String,
        pub balance: String = |row, _| amount(row, "amount"),
        pub credit_limit: Option<String> = optional_amount,
        /// What live holds set aside.
        pub held: String = amount,
        /// Balance less holds plus credit limit.
        pub usable: String = amount,
        /// None where only a credit limit is known.
        pub updated_at: Option<At>,
    }
}

row! {
    #[derive(Debug, Clone, Serialize)]
    pub struct LotRow {
        pub lot_id: i64,
        pub invoice_id: String,
        pub payment_id: String,
        pub currency: String,
        pub amount: String = amount,
        pub remaining: String = amount,
        /// What went back of it.
        pub reversed: String = amount,
        /// Of that, what had been spent and is owed.
        pub clawed_back: String = amount,
        pub held: String = amount,
        pub opened_at: At,
        pub closed_at: Option<At>,
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct BalanceView {
    pub account_id: String,
    pub balances: Vec<BalanceRow>,
    /// The newest first.
    pub lots: Vec<LotRow>,
    /// Live ones, the oldest first.
    pub holds: Vec<HoldRow>,
}

row! {
    #[derive(Debug, Clone, Serialize)]
    pub struct HoldRow {
        pub hold_id: String,
        pub currency: String,
        /// What is still held.
        pub held: String = amount,
        pub placed_at: At,
    }
}

/// Customers in the order of their ids; of a name, those that have all its words.
pub async fn list(pool: &PgPool, name: Option<&str>, page: &Page) -> Result<Listed<AccountRow>> {
    if let Some(name) = name {
        return named(pool, &Words::new(name), page).await;
    }
    let items = next(pool, page.after.as_deref(), page.fetch()).await?;
    Ok(Listed::page(items, page, |row: &AccountRow| row.account_id.clone()))
}

async fn next(pool: &PgPool, after: Option<&str>, limit: i64) -> Result<Vec<AccountRow>> {
    sqlx::query_as(LIST).bind(after).bind(limit).fetch_all(pool).await
}

/// Names are compared as people read them, so each is looked at; a page looks at so many only.
async fn named(pool: &PgPool, words: &Words, page: &Page) -> Result<Listed<AccountRow>> {
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let mut items: Vec<AccountRow> = Vec::new();
    let mut place = page.after.clone();
    let mut rows = 0_usize;
    loop {
        let step = next(pool, place.as_deref(), STEP).await?;
        let ended = i64::try_from(step.len()).is_ok_and(|seen| seen < STEP);
        rows = rows.saturating_add(step.len());
        if let Some(last) = step.last() {
            place = Some(last.account_id.clone());
        }
        let fits = |row: &AccountRow| row.name.as_ref().is_some_and(|name| words.are_in(name));
        items.extend(step.into_iter().filter(fits));
        if items.len() > limit || ended {
            return Ok(Listed::page(items, page, |row: &AccountRow| row.account_id.clone()));
        }
        if rows >= LOOK_MAX {
            let as_far_as = place.clone().unwrap_or_default();
            return Ok(Listed { items, next: place, looked: Some(Looked { rows, as_far_as }) });
        }
    }
}

pub async fn show(pool: &PgPool, id: &str, privacy: Privacy) -> Result<Option<AccountView>> {
    let Some(row) = sqlx::query(SHOW).bind(id).fetch_optional(pool).await? else {
        return Ok(None);
    };
    let balances = rows_of(pool, BALANCES_OF, id).await?;
    let of_account = PaymentFilter { account: Some(id.to_owned()), ..PaymentFilter::default() };
    let last = Page { after: None, limit: SHOWN };
    let learned = sqlx::query(LEARNED).bind(id).fetch_all(pool).await?;
    Ok(Some(AccountView {
        account_id: row.try_get("account_id")?,
        name: row.try_get("name")?,
        closed_at: row.try_get("closed_at")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        stale_after_days: row.try_get("stale_after_days")?,
        time_zone: row.try_get("time_zone")?,
        masked: privacy.is_masked(),
        payer_accounts: privacy.each(row.try_get("payer_accounts")?),
        virtual_accounts: privacy.each(row.try_get("virtual_accounts")?),
        learned_payers: learned
            .iter()
            .map(|row| LearnedPayer::of(row, privacy))
            .collect::<Result<_>>()?,
        awaiting_payment: row.try_get("awaiting_payment")?,
        open_invoices: invoices::open(pool, id, SHOWN).await?,
        last_payments: payments::list(pool, &of_account, &last).await?.items,
        unallocated: rows_of(pool, UNALLOCATED, id).await?,
        balances,
    }))
}

/// Balances of all accounts; the cursor is `ACCOUNT/CURRENCY`.
pub async fn balances(
    pool: &PgPool,
    currency: Option<&str>,
    page: &Page,
) -> Result<Listed<BalanceRow>> {
    let after = page.after.as_deref().map(|after| {
        let (account, currency) = after.rsplit_once('/').unwrap_or((after, "ZZZ"));
        (account.to_owned(), currency.to_owned())
    });
    let (after_account, after_currency) = after.unzip();
    let items = sqlx::query_as(BALANCES)
        .bind(after_account)
        .bind(after_currency)
        .bind(currency)
        .bind(page.fetch())
        .fetch_all(pool)
        .await?;
    Ok(Listed::page(items, page, |row: &BalanceRow| format!("{}/{}", row.account_id, row.currency)))
}

pub async fn balance(pool: &PgPool, account_id: &str) -> Result<Option<BalanceView>> {
    let known = sqlx::query(SHOW).bind(account_id).fetch_optional(pool).await?;
    if known.is_none() {
        return Ok(None);
    }
    let balances = rows_of(pool, BALANCES_OF, account_id).await?;
    let lots = sqlx::query_as(LOTS_OF).bind(account_id).bind(LOTS_MAX).fetch_all(pool).await?;
    let holds = sqlx::query_as(HOLDS_OF).bind(account_id).bind(LOTS_MAX).fetch_all(pool).await?;
    Ok(Some(BalanceView { account_id: account_id.to_owned(), balances, lots, holds }))
}
