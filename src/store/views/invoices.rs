//! Invoices and the allocations that pay them.

use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use super::steps_back::{self, ReversalRow};
use super::time::{At, Day};
use super::{Listed, Page, Result, amount, difference, rows_of};
use crate::domain::invoice::InvoiceStatus;
use crate::domain::matching::fold::normalise;
use crate::domain::matching::{fold, upstream};
use crate::store::PgPool;
use crate::store::sql;

const LIST: &str = sql!("views_invoices_list");
const BY_ACCOUNT: &str = sql!("views_invoices_by_account");
const SHOW: &str = sql!("views_invoice_show");
const REFERRED: &str = sql!("views_invoices_referred");
const THESE: &str = sql!("views_invoices_of");
const OPEN: &str = sql!("views_open_invoices");
const ALLOCATIONS: &str = sql!("views_allocations_of_invoice");

#[derive(Debug, Clone, Default)]
pub struct InvoiceFilter {
    pub account: Option<String>,
    pub status: Option<String>,
    /// What names it: a payment reference of any kind, or its number in any form.
    pub reference: Option<String>,
}

row! {
    #[derive(Debug, Clone, Serialize)]
    pub struct InvoiceRow {
        pub invoice_id: String,
        pub account_id: String,
        pub name: String,
        pub currency: String,
        pub amount: String = amount,
        /// Zero once it is voided: nobody owes it any more.
        pub amount_due: String = amount_due,
        #[serde(rename = "state")]
        pub status: String,
        pub payment_reference: String,
        pub due_date: Option<Day>,
        pub created_at: At,
        pub sent_at: Option<At>,
    }
}

/// One step of an invoice's life.
#[derive(Debug, Clone, Serialize)]
pub struct LifeStep {
    pub at: At,
    pub what: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct InvoiceView {
    #[serde(flatten)]
    pub row: InvoiceRow,
    pub void_reason: Option<String>,
    /// Never a void candidate before this day; `always` means never at all.
    pub keep_until: Option<String>,
    /// Those that upstream gave, as it gave them.
    pub references: Vec<String>,
    pub timeline: Vec<LifeStep>,
    pub allocations: Vec<AllocationRow>,
    /// What went back of them.
    pub reversals: Vec<ReversalRow>,
}

row! {
    #[derive(Debug, Clone, Serialize)]
    pub struct AllocationRow {
        pub allocation_id: i64,
        pub payment_id: String,
        pub invoice_id: String,
        pub account_id: String,
        pub currency: String,
        pub amount: String = amount,
        /// What went back of it since.
        pub reversed: String = amount,
        pub rule: String,
        pub allocated_at: At,
        pub reversed_at: Option<At>,
    }
}

pub async fn list(
    pool: &PgPool,
    filter: &InvoiceFilter,
    page: &Page,
) -> Result<Listed<InvoiceRow>> {
    if let Some(reference) = &filter.reference {
        let ids = referred(pool, reference).await?;
        let items = sqlx::query_as(THESE)
            .bind(ids)
            .bind(&page.after)
            .bind(&filter.status)
            .bind(page.fetch())
            .bind(&filter.account)
            .fetch_all(pool)
            .await?;
        return Ok(Listed::page(items, page, |row: &InvoiceRow| row.invoice_id.clone()));
    }
    let sql = match filter.account {
        Some(_) => BY_ACCOUNT,
        None => LIST,
    };
    let mut query = sqlx::query_as(sql).bind(&page.after).bind(&filter.status).bind(page.fetch());
    if let Some(account) = &filter.account {
        query = query.bind(account);
    }
    let items = query.fetch_all(pool).await?;
    Ok(Listed::page(items, page, |row: &InvoiceRow| row.invoice_id.clone()))
}

/// The invoices that a reference or a number names, however it is written.
pub(super) async fn referred(pool: &PgPool, reference: &str) -> Result<Vec<String>> {
    let plain = normalise(reference);
    let key = upstream::fold(&plain).unwrap_or_default();
    let number = fold::fold(&plain);
    sqlx::query_scalar(REFERRED)
        .bind(key)
        .bind(&number)
        .bind(reference.trim().to_ascii_uppercase())
        .bind(fold::is_digits(&number).then_some(&number))
        .fetch_all(pool)
        .await
}

/// A customer's invoices that await payment, the oldest first.
pub(super) async fn open(pool: &PgPool, account_id: &str, most: i64) -> Result<Vec<InvoiceRow>> {
    sqlx::query_as(OPEN).bind(account_id).bind(most).fetch_all(pool).await
}

fn amount_due(row: &PgRow, _column: &str) -> Result<String> {
    let voided = row.try_get::<&str, _>("status")? == InvoiceStatus::Voided.word();
    difference(row, "amount", &[if voided { "amount" } else { "allocated" }])
}

pub async fn show(pool: &PgPool, id: &str) -> Result<Option<InvoiceView>> {
    let Some(row) = sqlx::query(SHOW).bind(id).fetch_optional(pool).await? else {
        return Ok(None);
    };
    let allocations = rows_of(pool, ALLOCATIONS, id).await?;
    let reversals = steps_back::of_invoice(pool, id).await?;
    Ok(Some(InvoiceView {
        row: InvoiceRow::from_row(&row)?,
        void_reason: row.try_get("void_reason")?,
        keep_until: row.try_get("keep_until")?,
        references: row.try_get("given")?,
        timeline: timeline(&row, &allocations, &reversals)?,
        allocations,
        reversals,
    }))
}

/// What happened to the invoice, in the order of time.
fn timeline(
    row: &PgRow,
    allocations: &[AllocationRow],
    reversals: &[ReversalRow],
) -> Result<Vec<LifeStep>> {
    let mut steps = Vec::new();
    let stamps = [
        ("created_at", "created as a draft"),
        ("sent_at", "sent: it awaits payment"),
        ("stale_since", "staleness counts from here"),
    ];
    let last =
        [("provisioned_at", "provisioned: paid in full"), ("voided_at", "voided, which is final")];
    push_stamps(row, &stamps, &mut steps)?;
    for paid in allocations {
        let (payment, amount) = (&paid.payment_id, &paid.amount);
        let what =
            format!("{amount} {} allocated from payment {payment} by {}", paid.currency, paid.rule);
        steps.push(LifeStep { at: paid.allocated_at, what });
    }
    for back in reversals {
        steps.push(LifeStep { at: back.reversed_at, what: back.sentence() });
    }
    push_stamps(row, &last, &mut steps)?;
    // A stable sort: what happened in one step stays in the order of cause.
    steps.sort_by_key(|step| step.at);
    let sent: Option<At> = row.try_get("sent_at")?;
    steps.retain(|step| step.what != "staleness counts from here" || Some(step.at) != sent);
    Ok(steps)
}

fn push_stamps(row: &PgRow, stamps: &[(&str, &str)], steps: &mut Vec<LifeStep>) -> Result<()> {
    for (column, what) in stamps {
        let at: Option<At> = row.try_get(*column)?;
        if let Some(at) = at {
            steps.push(LifeStep { at, what: (*what).to_owned() });
        }
    }
    Ok(())
}

/// Allocations of an invoice, for the record that changed it.
pub(super) async fn allocations(pool: &PgPool, invoice_id: &str) -> Result<Vec<AllocationRow>> {
    rows_of(pool, ALLOCATIONS, invoice_id).await
}
