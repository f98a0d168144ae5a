//! What is announced and may be booked by this batch under another id.

use crate::domain::bank::{BankTransaction, EntryStatus};
use crate::domain::decide::bank::needs_ordinal;
use crate::domain::effect::BankKey;
use crate::domain::money::Currency;
use crate::domain::working_set::WorkingSet;
use crate::domain::working_set::pending::end_to_end;
use crate::store::{StoreError, Tx, rows, sql};

/// Pending records that a batch looks at; more of equal amount and payer are a broken feed.
const PENDING_MAX: i64 = 2_000;

/// What a booking has in common with the record that announced it.
#[derive(Debug)]
struct Booking {
    key: BankKey,
    /// The key is one of several: that the first is known says nothing.
    one_of_several: bool,
    currency: Currency,
    micros: i64,
    debtor_account: Option<String>,
    end_to_end_id: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Bookings(Vec<Booking>);

impl Bookings {
    pub(super) fn add(&mut self, bank: &BankTransaction, key: BankKey) {
        // What a text column cannot hold equals nothing that is stored.
        let debtor = bank.debtor_account.as_ref().filter(|account| !account.contains('\0'));
        let id = end_to_end(bank);
        let Ok(micros) = bank.amount.to_micros() else { return };
        if bank.status != EntryStatus::Booked || (debtor.is_none() && id.is_none()) {
            return;
        }
        self.0.push(Booking {
            key,
            one_of_several: needs_ordinal(bank),
            currency: bank.amount.currency(),
            micros,
            debtor_account: debtor.cloned(),
            end_to_end_id: id.map(str::to_owned),
        });
    }
}

/// Reads what the bookings that are not known yet may have been announced as. One that was
/// announced under its own key takes the place of that, and nothing is read for it.
pub(super) async fn load(
    tx: &mut Tx<'_>,
    bookings: &Bookings,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let new = bookings
        .0
        .iter()
        .filter(|booking| booking.one_of_several || !set.bank.contains_key(&booking.key));
    let new: Vec<&Booking> = new.collect();
    if new.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query(sql!("load_pending"))
        .bind(new.iter().map(|b| b.key.bank_account.as_str()).collect::<Vec<_>>())
        .bind(new.iter().map(|b| b.currency.code()).collect::<Vec<_>>())
        .bind(new.iter().map(|b| b.micros).collect::<Vec<_>>())
        .bind(new.iter().map(|b| b.debtor_account.as_deref()).collect::<Vec<_>>())
        .bind(new.iter().map(|b| b.end_to_end_id.as_deref()).collect::<Vec<_>>())
        .bind(PENDING_MAX)
        .fetch_all(&mut **tx)
        .await?;
    for row in rows {
        set.pending.record(&rows::bank_record(&row)?);
    }
    Ok(())
}
