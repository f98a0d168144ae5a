//! Earlier payments that a record of the batch may be again: both or one of them without a bank id.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::Row;

use crate::domain::bank::{BankTransaction, Direction, EntryStatus};
use crate::domain::ids::{BankAccountId, Source};
use crate::domain::matching::text;
use crate::domain::money::Money;
use crate::domain::working_set::WorkingSet;
use crate::domain::working_set::lookalikes::{Delivery, OF_NOBODY_MAX, OF_ONE_PAYER_MAX};
use crate::store::{StoreError, Tx, rows, sql};

/// One more shows that there are too many: those are not decided by themselves.
fn and_one(most: usize) -> i64 {
    i64::try_from(most.saturating_add(1)).unwrap_or(i64::MAX)
}

type One = (String, NaiveDate, String, i64, Option<String>);
type Asked = BTreeSet<One>;

/// The bank accounts, days, amounts and payers of a batch's payments.
#[derive(Debug, Default)]
pub(super) struct Sought {
    without_id: Asked,
    /// Of those that the bank gave an id: asked for only where money without one came.
    with_id: Vec<(BankAccountId, NaiveDate, Money, Option<String>)>,
}

impl Sought {
    pub(super) fn add(&mut self, bank: &BankTransaction) {
        if bank.status != EntryStatus::Booked || bank.direction() != Direction::Payment {
            return;
        }
        if bank.bank_transaction_id.is_none() {
            self.without_id.extend(asked(
                &bank.bank_account,
                bank.booking_date,
                bank.amount,
                bank.debtor_account.as_deref(),
            ));
        } else {
            self.with_id.push((
                bank.bank_account.clone(),
                bank.booking_date,
                bank.amount,
                bank.debtor_account.clone(),
            ));
        }
    }
}

fn asked(
    bank_account: &BankAccountId,
    booking_date: NaiveDate,
    amount: Money,
    debtor_account: Option<&str>,
) -> Option<One> {
    let micros = amount.to_micros().ok()?;
    let account = bank_account.as_str().to_owned();
    let payer = debtor_account.and_then(text::payer_account);
    Some((account, booking_date, amount.code().to_owned(), micros, payer))
}

/// Reads them; nothing is asked if the bank gives ids and nobody else told of its money.
pub(super) async fn load(
    tx: &mut Tx<'_>,
    sought: &Sought,
    nameless: bool,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let with_id = sought.with_id.iter().filter(|_| nameless);
    let with_id =
        with_id.filter_map(|(own, day, amount, payer)| asked(own, *day, *amount, payer.as_deref()));
    let all: Asked = with_id.chain(sought.without_id.iter().cloned()).collect();
    without_id(tx, &all, set).await?;
    with_ids(tx, &sought.without_id, set).await
}

async fn without_id(
    tx: &mut Tx<'_>,
    asked: &Asked,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if asked.is_empty() {
        return Ok(());
    }
    let query = bind(sqlx::query(sql!("load_lookalikes")), asked);
    let query = query.bind(and_one(OF_ONE_PAYER_MAX)).bind(and_one(OF_NOBODY_MAX));
    for row in query.fetch_all(&mut **tx).await? {
        let source: Option<&str> = row.try_get("source")?;
        let at: Option<DateTime<Utc>> = row.try_get("delivered_at")?;
        let delivery = source.zip(at);
        let delivery =
            delivery.map(|(source, at)| Delivery { source: Source::trusted(source), at });
        set.lookalikes.record(&rows::bank_record(&row)?, delivery, row.try_get("in_doubt")?);
    }
    Ok(())
}

/// Payments that the bank gave an id, which one of the batch without an id may be.
async fn with_ids(tx: &mut Tx<'_>, asked: &Asked, set: &mut WorkingSet) -> Result<(), StoreError> {
    set.lookalikes.sees_ids = !asked.is_empty();
    if asked.is_empty() {
        return Ok(());
    }
    let query = bind(sqlx::query(sql!("load_lookalikes_with_id")), asked);
    for row in query.bind(and_one(OF_NOBODY_MAX)).fetch_all(&mut **tx).await? {
        set.lookalikes.record_with_id(&rows::bank_record(&row)?);
    }
    Ok(())
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

fn bind<'q>(query: Query<'q>, asked: &'q Asked) -> Query<'q> {
    query
        .bind(asked.iter().map(|key| key.0.as_str()).collect::<Vec<_>>())
        .bind(asked.iter().map(|key| key.1).collect::<Vec<_>>())
        .bind(asked.iter().map(|key| key.2.as_str()).collect::<Vec<_>>())
        .bind(asked.iter().map(|key| key.3).collect::<Vec<_>>())
        .bind(asked.iter().map(|key| key.4.as_deref()).collect::<Vec<_>>())
}
