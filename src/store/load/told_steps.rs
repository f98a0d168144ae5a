//! Earlier steps back that one of the batch may be again.

use std::collections::BTreeMap;

use crate::domain::bank::BankTransaction;
use crate::domain::want::Want;
use crate::domain::working_set::WorkingSet;
use crate::domain::working_set::alike::SameMoney;
use crate::domain::working_set::told_steps::OF_ONE_DAY_MAX;
use crate::store::{StoreError, Tx, rows};

/// The bank accounts, days and amounts of a batch's steps back, and whether one of each
/// has no id.
#[derive(Debug, Default)]
pub(super) struct Steps(BTreeMap<SameMoney, bool>);

impl Steps {
    pub(super) fn add(&mut self, bank: &BankTransaction) {
        let without_id = bank.bank_transaction_id.is_none();
        *self.0.entry(SameMoney::of(bank)).or_default() |= without_id;
    }
}

/// Loads what deciding wants of that.
pub(super) async fn misses(
    tx: &mut Tx<'_>,
    wants: &[Want],
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let mut steps = Steps::default();
    for (same, all) in of_kind!(wants, Want::ToldSteps(same, all) => (same, all)) {
        *steps.0.entry(same.clone()).or_default() |= all;
    }
    load(tx, &steps, set).await
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
    let rows = query!("load_told_steps":
        asked.keys().map(|same| same.bank_account.as_str()).collect::<Vec<_>>(),
        asked.keys().map(|same| same.day).collect::<Vec<_>>(),
        asked.keys().map(|same| same.amount.code()).collect::<Vec<_>>(),
        asked.keys().map(SameMoney::micros).collect::<Vec<_>>(),
        asked.values().copied().collect::<Vec<_>>())
    // One more shows that there are too many to be compared.
    .bind(i64::try_from(OF_ONE_DAY_MAX.saturating_add(1)).unwrap_or(i64::MAX))
    .fetch_all(&mut **tx)
    .await?;
    for row in rows {
        set.told_steps.record(&rows::bank_record(&row)?);
    }
    set.ask(asked.iter().map(|(same, all)| Want::ToldSteps(same.clone(), *all)));
    Ok(())
}
