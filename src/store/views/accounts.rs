//! Accounts and balances. Index of each read: see the head of its SQL file.

use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use super::time::At;
use super::{Listed, Page, Privacy, Result, amount, optional_amount, rows_of};

const LIST: &str = include_str!("../sql/views_accounts_list.sql");
const SHOW: &str = include_str!("../sql/views_account_show.sql");
const BALANCES: &str = include_str!("../sql/views_balances_list.sql");
const BALANCES_OF: &str = include_str!("../sql/views_balances_of_account.sql");
const HOLDS_OF: &str = include_str!("../sql/views_holds_of_account.sql");
const LOTS_OF: &str = include_str!("../sql/views_lots_of_account.sql");

/// Lots shown of one account; older ones are mostly used up.
const LOTS_MAX: i64 = 50;

#[derive(Debug, Clone, Serialize)]
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
    /// Invoices that await payment.
    pub awaiting_payment: i64,
    pub balances: Vec<BalanceRow>,
}

#[derive(Debug, Clone, Serialize)]
pub struct BalanceRow {
    pub account_id: String,
    pub currency: String,
    pub balance: String,
    pub credit_limit: Option<String>,
    /// What live holds set aside.
    pub held: String,
    /// Balance less holds plus credit limit.
    pub usable: String,
    /// None where only a credit limit is known.
    pub updated_at: Option<At>,
}

#[derive(Debug, Clone, Serialize)]
pub struct LotRow {
    pub lot_id: i64,
    pub invoice_id: String,
    pub payment_id: String,
    pub currency: String,
    pub amount: String,
    pub remaining: String,
    /// What went back of it.
    pub reversed: String,
    /// Of that, what had been spent and is owed.
    pub clawed_back: String,
    pub held: String,
    pub opened_at: At,
    pub closed_at: Option<At>,
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

#[derive(Debug, Clone, Serialize)]
pub struct HoldRow {
    pub hold_id: String,
    pub currency: String,
    /// What is still held.
    pub held: String,
    pub placed_at: At,
}

/// # Errors
/// What the database says.
pub async fn list(pool: &PgPool, page: &Page) -> Result<Listed<AccountRow>> {
    let rows = sqlx::query(LIST).bind(&page.after).bind(page.fetch()).fetch_all(pool).await?;
    let items = rows.iter().map(account_row).collect::<Result<_>>()?;
    Ok(Listed::page(items, page, |row: &AccountRow| row.account_id.clone()))
}

fn account_row(row: &PgRow) -> Result<AccountRow> {
    Ok(AccountRow {
        account_id: row.try_get("account_id")?,
        name: row.try_get("name")?,
        closed_at: row.try_get("closed_at")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}

/// # Errors
/// What the database says.
pub async fn show(pool: &PgPool, id: &str, privacy: Privacy) -> Result<Option<AccountView>> {
    let Some(row) = sqlx::query(SHOW).bind(id).fetch_optional(pool).await? else {
        return Ok(None);
    };
    let balances = rows_of(pool, BALANCES_OF, id, balance_row).await?;
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
        awaiting_payment: row.try_get("awaiting_payment")?,
        balances,
    }))
}

fn balance_row(row: &PgRow) -> Result<BalanceRow> {
    Ok(BalanceRow {
        account_id: row.try_get("account_id")?,
        currency: row.try_get("currency")?,
        balance: amount(row, "amount")?,
        credit_limit: optional_amount(row, "credit_limit")?,
        held: amount(row, "held")?,
        usable: amount(row, "usable")?,
        updated_at: row.try_get("updated_at")?,
    })
}

/// Balances of all accounts; the cursor is `ACCOUNT/CURRENCY`.
///
/// # Errors
/// What the database says.
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
    let rows = sqlx::query(BALANCES)
        .bind(after_account)
        .bind(after_currency)
        .bind(currency)
        .bind(page.fetch())
        .fetch_all(pool)
        .await?;
    let items = rows.iter().map(balance_row).collect::<Result<_>>()?;
    Ok(Listed::page(items, page, |row: &BalanceRow| format!("{}/{}", row.account_id, row.currency)))
}

/// # Errors
/// What the database says.
pub async fn balance(pool: &PgPool, account_id: &str) -> Result<Option<BalanceView>> {
    let known = sqlx::query(SHOW).bind(account_id).fetch_optional(pool).await?;
    if known.is_none() {
        return Ok(None);
    }
    let balances = rows_of(pool, BALANCES_OF, account_id, balance_row).await?;
    let rows = sqlx::query(LOTS_OF).bind(account_id).bind(LOTS_MAX).fetch_all(pool).await?;
    let lots = rows.iter().map(lot_row).collect::<Result<_>>()?;
    let rows = sqlx::query(HOLDS_OF).bind(account_id).bind(LOTS_MAX).fetch_all(pool).await?;
    let holds = rows.iter().map(hold_row).collect::<Result<_>>()?;
    Ok(Some(BalanceView { account_id: account_id.to_owned(), balances, lots, holds }))
}

fn hold_row(row: &PgRow) -> Result<HoldRow> {
    Ok(HoldRow {
        hold_id: row.try_get("hold_id")?,
        currency: row.try_get("currency")?,
        held: amount(row, "held")?,
        placed_at: row.try_get("placed_at")?,
    })
}

fn lot_row(row: &PgRow) -> Result<LotRow> {
    Ok(LotRow {
        lot_id: row.try_get("lot_id")?,
        invoice_id: row.try_get("invoice_id")?,
        payment_id: row.try_get("payment_id")?,
        currency: row.try_get("currency")?,
        amount: amount(row, "amount")?,
        remaining: amount(row, "remaining")?,
        reversed: amount(row, "reversed")?,
        clawed_back: amount(row, "clawed_back")?,
        held: amount(row, "held")?,
        opened_at: row.try_get("opened_at")?,
        closed_at: row.try_get("closed_at")?,
    })
}
