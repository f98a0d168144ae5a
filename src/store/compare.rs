//! What reconciliation compares page by page: all but the chains of statements.
//!
//! The ledger only grows, so what it posted to each customer is summed once: a page of ids adds to
//! the sums and moves `compared.through`, in one transaction. Ids commit in any order; only what is
//! up to the horizon, where no row can appear any more, is summed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::audit::SNAPSHOT;
use super::outbox::Writer;
use super::persist::expect_rows;
use super::{PgPool, StoreError, Tx, sql};
use crate::domain::ids::IdBlock;

/// How far the job came.
#[derive(Debug, Clone)]
pub struct State {
    pub through: i64,
    pub horizon: i64,
    pub payment_id: String,
    pub invoice_id: String,
    /// Details of entries that were recorded up to then were compared.
    pub details_through: DateTime<Utc>,
    pub details_round: DateTime<Utc>,
}

/// What is compared row by row: with its allocations, a payment with its posting as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Payments,
    Invoices,
    /// What the ledger took in of a payment elsewhere than where that was decided.
    Postings,
}

impl Side {
    pub const ALL: [Self; 3] = [Self::Payments, Self::Invoices, Self::Postings];

    fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Payments => &["account_payments", "bank_payments"],
            Self::Invoices => &["account_invoices"],
            Self::Postings => &["bank_postings"],
        }
    }

    fn compared_by(self) -> Vec<&'static str> {
        match self {
            Self::Payments => vec![sql!("compare_payments"), sql!("compare_received")],
            Self::Invoices => vec![sql!("compare_invoices")],
            Self::Postings => vec![sql!("compare_postings")],
        }
    }
}

/// What the round goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    Payments,
    Invoices,
}

impl Round {
    pub const ALL: [Self; 2] = [Self::Payments, Self::Invoices];

    pub fn side(self) -> Side {
        match self {
            Self::Payments => Side::Payments,
            Self::Invoices => Side::Invoices,
        }
    }
}

pub async fn state(pool: &PgPool) -> Result<State, StoreError> {
    let row = sqlx::query(sql!("compare_state")).fetch_one(pool).await?;
    Ok(State {
        through: row.try_get("through")?,
        horizon: row.try_get("horizon")?,
        payment_id: row.try_get("payment_id")?,
        invoice_id: row.try_get("invoice_id")?,
        details_through: row.try_get("details_through")?,
        details_round: row.try_get("details_round")?,
    })
}

/// The last id that was given out. Asked before [`writers_in_tx`].
pub async fn last_id_in_tx(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    let block: i64 = sqlx::query_scalar(sql!("compare_last_block")).fetch_one(&mut **tx).await?;
    let next = block.checked_add(1).and_then(|next| next.checked_mul(IdBlock::SIZE));
    next.and_then(|next| next.checked_sub(1)).ok_or(StoreError::Corrupt("a block of ids"))
}

/// Who may still commit rows under ids that were given out before.
pub async fn writers_in_tx(tx: &mut Tx<'_>) -> Result<Vec<Writer>, StoreError> {
    let mut writers = Vec::new();
    for row in sqlx::query(sql!("compare_writers")).fetch_all(&mut **tx).await? {
        let name = row.try_get("virtualtransaction")?;
        writers.push(Writer { name, prepared: row.try_get("prepared")? });
    }
    Ok(writers)
}

/// No row can appear up to that id any more.
pub async fn advance_in_tx(tx: &mut Tx<'_>, horizon: i64) -> Result<(), StoreError> {
    query!("compare_horizon": horizon).execute(&mut **tx).await?;
    Ok(())
}

/// Forgets what was summed up, so that all of the ledger is summed up anew.
pub async fn from_the_start_in_tx(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    sqlx::query(sql!("compare_from_the_start")).execute(&mut **tx).await?;
    Ok(())
}

/// Sums up the next rows of the ledger, and compares the payments and invoices whose allocations
/// came or went back with them, and the payments that it took in. Returns up to where.
pub async fn fold_in_tx(
    tx: &mut Tx<'_>,
    (through, horizon): (i64, i64),
    rows: i64,
) -> Result<i64, StoreError> {
    let end = scalar!("compare_fold_end": through, horizon, rows);
    let end: i64 = end.fetch_one(&mut **tx).await?;
    query!("compare_fold": through, end).execute(&mut **tx).await?;
    let moved = query!("compare_through": through, end);
    let moved = moved.execute(&mut **tx).await?.rows_affected();
    expect_rows(moved, 1, "how far the ledger was compared")?;
    let touched = query!("compare_touched": through, end);
    let (mut payments, mut invoices) = (Vec::new(), Vec::new());
    for row in touched.fetch_all(&mut **tx).await? {
        payments.push(row.try_get("payment_id")?);
        invoices.push(row.try_get("invoice_id")?);
    }
    let taken_in = query!("compare_taken_in": through, end);
    let mut postings = Vec::new();
    for row in taken_in.fetch_all(&mut **tx).await? {
        payments.push(row.try_get("payment_id")?);
        if row.try_get::<bool, _>("elsewhere")? {
            postings.push(row.try_get("posting")?);
        }
    }
    compare_in_tx(tx, Side::Payments, payments).await?;
    compare_in_tx(tx, Side::Invoices, invoices).await?;
    compare_in_tx(tx, Side::Postings, postings).await?;
    Ok(end)
}

/// Compares those rows, and keeps what differs.
pub async fn compare_in_tx(
    tx: &mut Tx<'_>,
    side: Side,
    mut items: Vec<String>,
) -> Result<(), StoreError> {
    items.sort_unstable();
    items.dedup();
    if items.is_empty() {
        return Ok(());
    }
    let forget = query!("compare_forget": side.kinds(), &items);
    forget.execute(&mut **tx).await?;
    for compare in side.compared_by() {
        sqlx::query(compare).bind(&items).execute(&mut **tx).await?;
    }
    Ok(())
}

/// The next rows behind that one, of all there are.
pub async fn page(
    pool: &PgPool,
    round: Round,
    after: &str,
    rows: i64,
) -> Result<Vec<String>, StoreError> {
    let page = match round {
        Round::Payments => sql!("compare_payments_page"),
        Round::Invoices => sql!("compare_invoices_page"),
    };
    Ok(sqlx::query_scalar(page).bind(after).bind(rows).fetch_all(pool).await?)
}

/// The next rows behind that one which differed when they were compared last.
pub async fn listed(
    pool: &PgPool,
    side: Side,
    after: &str,
    rows: i64,
) -> Result<Vec<String>, StoreError> {
    let listed = sqlx::query_scalar(sql!("compare_listed"));
    Ok(listed.bind(side.kinds()).bind(after).bind(rows).fetch_all(pool).await?)
}

/// Notes where the round through all rows is.
pub async fn rounded_in_tx(tx: &mut Tx<'_>, round: Round, at: &str) -> Result<(), StoreError> {
    let (payment, invoice) = match round {
        Round::Payments => (Some(at), None),
        Round::Invoices => (None, Some(at)),
    };
    query!("compare_rounded": payment, invoice).execute(&mut **tx).await?;
    Ok(())
}

/// An entry that was booked as one sum.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SplitEntry {
    pub entry: String,
    pub currency: String,
    pub bank_account: String,
}

/// The entries of the next details recorded behind that instant, and up to when.
pub async fn details(
    pool: &PgPool,
    after: DateTime<Utc>,
    rows: i64,
) -> Result<(Vec<SplitEntry>, Option<DateTime<Utc>>), StoreError> {
    let page = query!("compare_details_page": after, rows);
    let (mut entries, mut until) = (Vec::new(), None);
    for row in page.fetch_all(pool).await? {
        until = Some(row.try_get("recorded_at")?);
        entries.push(SplitEntry {
            entry: row.try_get("entry")?,
            currency: row.try_get("currency")?,
            bank_account: row.try_get("bank_account")?,
        });
    }
    Ok((entries, until))
}

/// The next entries behind that one whose details differed when they were compared last.
pub async fn listed_details(
    pool: &PgPool,
    after: &SplitEntry,
    rows: i64,
) -> Result<Vec<SplitEntry>, StoreError> {
    let listed = query!("compare_listed_details": &after.entry);
    let listed = listed.bind(&after.currency).bind(&after.bank_account).bind(rows);
    let mut entries = Vec::new();
    for row in listed.fetch_all(pool).await? {
        entries.push(SplitEntry {
            entry: row.try_get("item")?,
            currency: row.try_get("currency")?,
            bank_account: row.try_get("record_key")?,
        });
    }
    Ok(entries)
}

/// Compares the details of those entries with what was booked, and keeps what differs.
pub async fn compare_details_in_tx(
    tx: &mut Tx<'_>,
    mut entries: Vec<SplitEntry>,
) -> Result<(), StoreError> {
    entries.sort_unstable();
    entries.dedup();
    let of = |part: fn(&SplitEntry) -> &str| entries.iter().map(part).collect::<Vec<_>>();
    let accounts = of(|one| one.bank_account.as_str());
    let currencies = of(|one| one.currency.as_str());
    let names = of(|one| one.entry.as_str());
    for statement in [sql!("compare_forget_details"), sql!("compare_details")] {
        let query = sqlx::query(statement).bind(&accounts).bind(&currencies).bind(&names);
        query.execute(&mut **tx).await?;
    }
    Ok(())
}

/// Notes up to when details were compared: of what came, or of the round through all of them.
pub async fn details_done_in_tx(
    tx: &mut Tx<'_>,
    round: bool,
    until: DateTime<Utc>,
) -> Result<(), StoreError> {
    let note =
        if round { sql!("compare_details_rounded") } else { sql!("compare_details_through") };
    sqlx::query(note).bind(until).execute(&mut **tx).await?;
    Ok(())
}

/// The next accounts behind that one.
pub async fn accounts(pool: &PgPool, after: &str, rows: i64) -> Result<Vec<String>, StoreError> {
    let page = sqlx::query_scalar(sql!("compare_accounts_page"));
    Ok(page.bind(after).bind(rows).fetch_all(pool).await?)
}

/// What an account has in a currency and does not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unequal {
    kind: &'static str,
    account_id: String,
    currency: String,
    found: i128,
    should: i128,
}

/// What one account has in one currency, by three tables, in micros.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    balance: i128,
    posted: i128,
    left: i128,
}

/// Compares what these accounts have with the ledger and with their lots, as of one instant; lots
/// are read so many at a time. They are those behind `after`, in order.
pub async fn balances(
    pool: &PgPool,
    after: &str,
    accounts: &[String],
    lots: i64,
) -> Result<Vec<Unequal>, StoreError> {
    let mut tx = pool.begin_with(SNAPSHOT).await?;
    let through = sqlx::query(sql!("compare_state")).fetch_one(&mut *tx).await?;
    let through: i64 = through.try_get("through")?;
    let mut held: BTreeMap<(String, String), Held> = BTreeMap::new();
    let rows = query!("compare_balances": accounts, through);
    for row in rows.fetch_all(&mut *tx).await? {
        let one = held.entry((row.try_get("account_id")?, row.try_get("currency")?)).or_default();
        one.balance = micros(row.try_get("balance")?)?;
        one.posted = micros(row.try_get("posted")?)?;
    }
    // Behind all lots of `after`: no currency sorts behind a tilde.
    let mut key = (after.to_owned(), "~".to_owned(), DateTime::<Utc>::UNIX_EPOCH, i64::MIN);
    let last = accounts.last().map_or("", String::as_str);
    loop {
        let query = query!("compare_lots": &key.0, &key.1);
        let query = query.bind(key.2).bind(key.3).bind(last).bind(lots);
        let mut read: i64 = 0;
        for row in query.fetch_all(&mut *tx).await? {
            let of: (String, String) = (row.try_get("account_id")?, row.try_get("currency")?);
            key = (of.0.clone(), of.1.clone(), row.try_get("until_at")?, row.try_get("until_id")?);
            let one = held.entry(of).or_default();
            let left = one.left.checked_add(micros(row.try_get("remaining")?)?);
            one.left = left.ok_or(StoreError::Corrupt("a sum of lots"))?;
            read = read.saturating_add(row.try_get("lots")?);
        }
        if read < lots {
            break;
        }
    }
    tx.rollback().await?;
    Ok(held.into_iter().flat_map(|(of, held)| unequal(&of, held)).collect())
}

fn unequal((account_id, currency): &(String, String), held: Held) -> Vec<Unequal> {
    let compared = [
        ("account_ledger", held.balance, held.posted),
        ("account_lots", held.left, held.balance.max(0)),
    ];
    let differ = compared.into_iter().filter(|(_, found, should)| found != should);
    let one = |(kind, found, should)| Unequal {
        kind,
        account_id: account_id.clone(),
        currency: currency.clone(),
        found,
        should,
    };
    differ.map(one).collect()
}

fn micros(text: &str) -> Result<i128, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt("a sum that is no whole number"))
}

/// Keeps what differs of the accounts behind `after` up to `last`, in place of what did.
pub async fn put_in_tx(
    tx: &mut Tx<'_>,
    (after, last): (&str, &str),
    found: &[Unequal],
) -> Result<(), StoreError> {
    let forget = query!("compare_forget_accounts": after, last);
    forget.execute(&mut **tx).await?;
    if found.is_empty() {
        return Ok(());
    }
    query!("compare_put": found.iter().map(|one| one.kind).collect::<Vec<_>>(),
        found.iter().map(|one| one.account_id.as_str()).collect::<Vec<_>>(),
        found.iter().map(|one| one.currency.as_str()).collect::<Vec<_>>(),
        found.iter().map(|one| one.found.to_string()).collect::<Vec<_>>(),
        found.iter().map(|one| one.should.to_string()).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}
