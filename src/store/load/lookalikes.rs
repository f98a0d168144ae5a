//! Earlier payments that a record of the batch may be again: both or one of them without a bank id.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sqlx::Row;

use crate::domain::bank::{BankTransaction, Direction, EntryStatus};
use crate::domain::ids::Source;
use crate::domain::want::Want;
use crate::domain::working_set::WorkingSet;
use crate::domain::working_set::alike::SameMoney;
use crate::domain::working_set::lookalikes::{
    Delivery, OF_NOBODY_MAX, OF_ONE_PAYER_MAX, payer_tail,
};
use crate::store::{StoreError, Tx, rows, sql};

/// One more shows that there are too many: those are not decided by themselves.
fn and_one(most: usize) -> i64 {
    i64::try_from(most.saturating_add(1)).unwrap_or(i64::MAX)
}

/// Bank account, day and amount, and the end of the payer's number.
type Asked = BTreeSet<(SameMoney, Option<String>)>;

/// The bank accounts, days, amounts and payers of a batch's payments.
#[derive(Debug, Default)]
pub(super) struct Sought {
    without_id: Asked,
    /// Of those that the bank gave an id: asked for only where money without one came.
    with_id: Vec<(SameMoney, Option<String>)>,
}

impl Sought {
    pub(super) fn add(&mut self, bank: &BankTransaction) {
        if bank.status != EntryStatus::Booked || bank.direction() != Direction::Payment {
            return;
        }
        if bank.bank_transaction_id.is_none() {
            self.without_id
                .insert((SameMoney::of(bank), payer_tail(bank.debtor_account.as_deref())));
        } else {
            self.with_id.push((SameMoney::of(bank), bank.debtor_account.clone()));
        }
    }
}

/// Loads what deciding wants of that.
pub(super) async fn misses(
    tx: &mut Tx<'_>,
    wants: &[Want],
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let asked = of_kind!(wants, Want::WithoutId(same, payer) => (same.clone(), payer.clone()));
    without_id(tx, &asked.collect(), set).await?;
    let asked = of_kind!(wants, Want::WithId(same, payer) => (same.clone(), payer.clone()));
    with_ids(tx, &asked.collect(), set).await
}

/// Reads them; nothing is asked if the bank gives ids and nobody else told of its money.
pub(super) async fn load(
    tx: &mut Tx<'_>,
    sought: &Sought,
    nameless: bool,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if !nameless {
        for (same, _) in &sought.with_id {
            set.lookalikes.none_without_id(&same.bank_account, same.day);
        }
    }
    let with_id = sought.with_id.iter().filter(|_| nameless);
    let with_id = with_id.map(|(same, payer)| (same.clone(), payer_tail(payer.as_deref())));
    let all: Asked = with_id.chain(sought.without_id.iter().cloned()).collect();
    without_id(tx, &all, set).await?;
    set.lookalikes.sees_ids = false;
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
    set.ask(asked.iter().cloned().map(|(same, payer)| Want::WithoutId(same, payer)));
    Ok(())
}

/// Payments that the bank gave an id, which one of the batch without an id may be.
async fn with_ids(tx: &mut Tx<'_>, asked: &Asked, set: &mut WorkingSet) -> Result<(), StoreError> {
    if asked.is_empty() {
        return Ok(());
    }
    set.ask(asked.iter().cloned().map(|(same, payer)| Want::WithId(same, payer)));
    let query = bind(sqlx::query(sql!("load_lookalikes_with_id")), asked);
    for row in query.bind(and_one(OF_NOBODY_MAX)).fetch_all(&mut **tx).await? {
        set.lookalikes.record_with_id(&rows::bank_record(&row)?);
    }
    Ok(())
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

fn bind<'q>(query: Query<'q>, asked: &'q Asked) -> Query<'q> {
    query
        .bind(asked.iter().map(|key| key.0.bank_account.as_str()).collect::<Vec<_>>())
        .bind(asked.iter().map(|key| key.0.day).collect::<Vec<_>>())
        .bind(asked.iter().map(|key| key.0.amount.code()).collect::<Vec<_>>())
        .bind(asked.iter().map(|key| key.0.micros()).collect::<Vec<_>>())
        .bind(asked.iter().map(|key| key.1.as_deref()).collect::<Vec<_>>())
}
