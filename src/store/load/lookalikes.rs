//! Earlier payments without a bank id that a record of the batch may be again.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::Row;

use crate::domain::bank::{BankTransaction, Direction, EntryStatus};
use crate::domain::ids::Source;
use crate::domain::working_set::WorkingSet;
use crate::domain::working_set::lookalikes::{Delivery, OF_NOBODY_MAX, OF_ONE_PAYER_MAX};
use crate::domain::working_set::pending::payer;
use crate::store::{StoreError, Tx, rows, sql};

/// One more shows that there are too many: those are not decided by themselves.
fn and_one(most: usize) -> i64 {
    i64::try_from(most.saturating_add(1)).unwrap_or(i64::MAX)
}

/// The bank accounts, days, amounts and payers of a batch's payments without a bank id.
#[derive(Debug, Default)]
pub(super) struct Sought(BTreeSet<(String, NaiveDate, String, i64, Option<String>)>);

impl Sought {
    pub(super) fn add(&mut self, bank: &BankTransaction) {
        let payment = bank.status == EntryStatus::Booked && bank.direction() == Direction::Payment;
        if let (true, None, Ok(micros)) =
            (payment, &bank.bank_transaction_id, bank.amount.to_micros())
        {
            let account = bank.bank_account.as_str().to_owned();
            let currency = bank.amount.code().to_owned();
            self.0.insert((account, bank.booking_date, currency, micros, payer(bank)));
        }
    }
}

/// Reads them; nothing is asked if the bank gives ids.
pub(super) async fn load(
    tx: &mut Tx<'_>,
    sought: &Sought,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if sought.0.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query(sql!("load_lookalikes"))
        .bind(sought.0.iter().map(|key| key.0.as_str()).collect::<Vec<_>>())
        .bind(sought.0.iter().map(|key| key.1).collect::<Vec<_>>())
        .bind(sought.0.iter().map(|key| key.2.as_str()).collect::<Vec<_>>())
        .bind(sought.0.iter().map(|key| key.3).collect::<Vec<_>>())
        .bind(sought.0.iter().map(|key| key.4.as_deref()).collect::<Vec<_>>())
        .bind(and_one(OF_ONE_PAYER_MAX))
        .bind(and_one(OF_NOBODY_MAX))
        .fetch_all(&mut **tx)
        .await?;
    for row in rows {
        let source: Option<&str> = row.try_get("source")?;
        let at: Option<DateTime<Utc>> = row.try_get("delivered_at")?;
        let delivery = source.zip(at);
        let delivery =
            delivery.map(|(source, at)| Delivery { source: Source::trusted(source), at });
        set.lookalikes.record(&rows::bank_record(&row)?, delivery);
    }
    Ok(())
}
