//! Earlier steps back that one of the batch may be again.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::domain::bank::BankTransaction;
use crate::domain::working_set::WorkingSet;
use crate::domain::working_set::told_steps::OF_ONE_DAY_MAX;
use crate::store::{StoreError, Tx, rows, sql};

/// The bank accounts, days, currencies and amounts of a batch's steps back, and whether one of each
/// has no id.
#[derive(Debug, Default)]
pub(super) struct Steps(BTreeMap<(String, NaiveDate, String, i64), bool>);

impl Steps {
    pub(super) fn add(&mut self, bank: &BankTransaction) {
        if let Ok(micros) = bank.amount.to_micros() {
            let own = bank.bank_account.as_str().to_owned();
            let key = (own, bank.booking_date, bank.amount.code().to_owned(), micros);
            *self.0.entry(key).or_default() |= bank.bank_transaction_id.is_none();
        }
    }
}

/// Reads them; nothing is asked if the batch takes nothing back.
pub(super) async fn load(
    tx: &mut Tx<'_>,
    Steps(asked): &Steps,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if asked.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query(sql!("load_told_steps"))
        .bind(asked.keys().map(|key| key.0.as_str()).collect::<Vec<_>>())
        .bind(asked.keys().map(|key| key.1).collect::<Vec<_>>())
        .bind(asked.keys().map(|key| key.2.as_str()).collect::<Vec<_>>())
        .bind(asked.keys().map(|key| key.3).collect::<Vec<_>>())
        .bind(asked.values().copied().collect::<Vec<_>>())
        // One more shows that there are too many to be compared.
        .bind(i64::try_from(OF_ONE_DAY_MAX.saturating_add(1)).unwrap_or(i64::MAX))
        .fetch_all(&mut **tx)
        .await?;
    for row in rows {
        set.told_steps.record(&rows::bank_record(&row)?);
    }
    Ok(())
}
