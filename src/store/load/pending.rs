//! What is announced and may be booked by this batch under another id.

use crate::domain::bank::{BankTransaction, EntryStatus};
use crate::domain::working_set::WorkingSet;
use crate::domain::working_set::pending::end_to_end;
use crate::store::{StoreError, Tx, rows, sql};

/// Pending records that a batch looks at; more of equal amount and payer are a broken feed.
const PENDING_MAX: i64 = 2_000;

/// What tells the bookings of a batch apart, by column.
#[derive(Debug, Default)]
pub(super) struct Bookings {
    bank_accounts: Vec<String>,
    currencies: Vec<String>,
    amounts: Vec<i64>,
    debtor_accounts: Vec<Option<String>>,
    end_to_end_ids: Vec<Option<String>>,
}

impl Bookings {
    pub(super) fn add(&mut self, bank: &BankTransaction) {
        // What a text column cannot hold equals nothing that is stored.
        let debtor = bank.debtor_account.as_ref().filter(|account| !account.contains('\0'));
        let id = end_to_end(bank);
        let Ok(micros) = bank.amount.to_micros() else { return };
        if bank.status != EntryStatus::Booked || (debtor.is_none() && id.is_none()) {
            return;
        }
        self.bank_accounts.push(bank.bank_account.as_str().to_owned());
        self.currencies.push(bank.amount.currency().code().to_owned());
        self.amounts.push(micros);
        self.debtor_accounts.push(debtor.cloned());
        self.end_to_end_ids.push(id.map(str::to_owned));
    }
}

pub(super) async fn load(
    tx: &mut Tx<'_>,
    bookings: &Bookings,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if bookings.amounts.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query(sql!("load_pending"))
        .bind(&bookings.bank_accounts)
        .bind(&bookings.currencies)
        .bind(&bookings.amounts)
        .bind(&bookings.debtor_accounts)
        .bind(&bookings.end_to_end_ids)
        .bind(PENDING_MAX)
        .fetch_all(&mut **tx)
        .await?;
    for row in rows {
        set.pending.record(&rows::bank_record(&row)?);
    }
    Ok(())
}
