//! Payments that were decided before, with what deciding them again needs. It reads one snapshot,
//! takes no lock and can write nothing.

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::payments::tombstones;
use super::{Needs, invoices, read_accounts, resolve};
use crate::domain::effect::BankRecord;
use crate::domain::ids::{AccountId, InvoiceId, PaymentId};
use crate::domain::matching::text::{self, Tokens};
use crate::domain::money::Money;
use crate::domain::want::Want;
use crate::domain::working_set::WorkingSet;
use crate::store::PgPool;
use crate::store::{StoreError, Tx, rows, sql};

/// Which payments.
#[derive(Debug, Clone)]
pub struct Period {
    pub since: DateTime<Utc>,
    pub until: DateTime<Utc>,
    /// Only the payments of this account.
    pub account: Option<AccountId>,
}

/// What was decided last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDecision {
    pub rule: String,
    pub outcome: String,
    pub reason: Option<String>,
}

/// One payment as it was received.
#[derive(Debug, Clone)]
pub struct Past {
    pub payment_id: PaymentId,
    pub record: BankRecord,
    pub tokens: Tokens,
    /// All of it, but for what was returned or refunded.
    pub amount: Money,
    pub recorded_at: DateTime<Utc>,
    pub stored: Option<StoredDecision>,
    /// What it pays now.
    pub pays: Vec<(InvoiceId, Money)>,
}

/// Some payments, in the order in which they were recorded, and what their texts name.
#[derive(Debug)]
pub struct PastPage {
    pub payments: Vec<Past>,
    pub set: WorkingSet,
    pub needs: Needs,
}

/// Opens the cursor over the payments of a period, in a transaction that reads only.
pub async fn past(pool: &PgPool, period: &Period) -> Result<Tx<'static>, StoreError> {
    let mut tx = crate::store::audit::snapshot(pool).await?;
    query!("past_payments": period.since, period.until,
        period.account.as_ref().map(AccountId::as_str))
    .execute(&mut *tx)
    .await?;
    Ok(tx)
}

/// The next payments; none at the end. The number is of those that only a later version of this
/// program can read: they are left out.
///
/// # Errors
/// When the database fails or holds what its own constraints forbid.
pub async fn next_page(tx: &mut Tx<'_>) -> Result<Option<(Vec<Past>, u64)>, StoreError> {
    let rows = sqlx::query(sql!("past_payments_next")).fetch_all(&mut **tx).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let mut unreadable = 0_u64;
    let mut payments = Vec::with_capacity(rows.len());
    for row in &rows {
        match one(row) {
            Ok(past) => payments.extend(past),
            Err(error) if error.is_unreadable() => unreadable = unreadable.saturating_add(1),
            Err(error) => return Err(error),
        }
    }
    Ok(Some((payments, unreadable)))
}

fn one(row: &sqlx::postgres::PgRow) -> Result<Option<Past>, StoreError> {
    let record = rows::bank_record(row)?;
    let Some(payment_id) = record.payment_id.clone() else {
        return Ok(None);
    };
    let rule: Option<String> = row.try_get("decided_rule")?;
    let stored = match rule {
        Some(rule) => Some(StoredDecision {
            rule,
            outcome: row.try_get("decided_outcome")?,
            reason: row.try_get("decided_reason")?,
        }),
        None => None,
    };
    let currency = record.transaction.amount.currency();
    Ok(Some(Past {
        payment_id,
        tokens: text::tokens(&record.transaction),
        amount: Money::from_micros(row.try_get("free")?, currency),
        recorded_at: row.try_get("recorded_at")?,
        stored,
        pays: Vec::new(),
        record,
    }))
}

/// What deciding these payments again needs.
///
/// # Errors
/// When the database fails; [`StoreError::is_unreadable`] when one of them meets what only a later
/// version can read.
pub async fn with_book(tx: &mut Tx<'_>, mut payments: Vec<Past>) -> Result<PastPage, StoreError> {
    let mut needs = Needs::default();
    for past in &payments {
        needs.add_bank(&past.record.transaction, &past.tokens);
    }
    pays(tx, &mut payments).await?;
    let set = looked_at(tx, &mut needs, &payments).await?;
    Ok(PastPage { payments, set, needs })
}

async fn pays(tx: &mut Tx<'_>, payments: &mut [Past]) -> Result<(), StoreError> {
    let ids: Vec<&str> = payments.iter().map(|past| past.payment_id.as_str()).collect();
    let query = query!("past_allocations": ids);
    let mut paid: foldhash::HashMap<PaymentId, Vec<(InvoiceId, Money)>> =
        foldhash::HashMap::default();
    for row in query.fetch_all(&mut **tx).await? {
        let currency = rows::currency(row.try_get(2)?)?;
        let part =
            (InvoiceId::trusted(row.try_get(1)?), Money::from_micros(row.try_get(3)?, currency));
        paid.entry(PaymentId::trusted(row.try_get(0)?)).or_default().push(part);
    }
    for past in payments {
        past.pays = paid.remove(&past.payment_id).unwrap_or_default();
    }
    Ok(())
}

/// What the payments name and pay, with whose it is. Nothing is locked, and no allocation of
/// theirs is in it: they are to be decided as if they were new.
async fn looked_at(
    tx: &mut Tx<'_>,
    needs: &mut Needs,
    payments: &[Past],
) -> Result<WorkingSet, StoreError> {
    let mut set = WorkingSet::default();
    let mut found = resolve::invoices(tx, needs).await?;
    found.keep_unlocked(&mut set);
    resolve::payers(tx, needs, &mut set).await?;
    let paid = payments.iter().flat_map(|past| &past.pays);
    invoices(tx, paid.map(|(id, _)| id.as_str().to_owned()).collect(), &mut set).await?;
    let named = set.invoices_here().values().map(|invoice| &invoice.account_id);
    let owners = named.chain(set.owners_here()).map(|id| id.as_str().to_owned()).collect();
    read_accounts(tx, &owners, &mut set).await?;
    // What a person took apart stays apart, whatever the rules are.
    let ids: Vec<&str> = payments.iter().map(|past| past.payment_id.as_str()).collect();
    tombstones(tx, &ids, &mut set).await?;
    set.ask(payments.iter().map(|past| Want::Payment(past.payment_id.clone())));
    for past in payments {
        // Nothing else was said of them: no suggestion was refused, and no advice is about them.
        set.begin(past.payment_id.clone());
        set.advices.know_quiet(past.record.transaction.bank_account.clone());
    }
    needs.asked(&mut set);
    Ok(set)
}
