//! What is announced and may be booked by this batch under another id, and what was booked already
//! of that which this batch announces.

use chrono::NaiveDate;
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;

use crate::domain::bank::{BankTransaction, EntryStatus};
use crate::domain::effect::BankKey;
use crate::domain::money::Currency;
use crate::domain::working_set::WorkingSet;
use crate::domain::working_set::pending::{LATE_DAYS, end_to_end, payer};
use crate::store::{StoreError, Tx, rows, sql};

/// Pending records of one payer or order and one amount that a booking is compared with: the first
/// of them, which is the one that is taken where they are alike.
const ALIKE_MAX: i64 = 64;

/// What a booking has in common with the record that announced it.
#[derive(Debug, Clone)]
struct One {
    /// None where the key is one of several: that the first is known says nothing.
    key: Option<BankKey>,
    bank_account: String,
    currency: Currency,
    micros: i64,
    payer: Option<String>,
    end_to_end_id: Option<String>,
    day: NaiveDate,
}

/// The bookings of a batch, and what it announces.
#[derive(Debug, Default)]
pub(super) struct Announced {
    bookings: Vec<One>,
    pending: Vec<One>,
}

impl Announced {
    pub(super) fn add(&mut self, bank: &BankTransaction, key: Option<&BankKey>) {
        let list = match bank.status {
            EntryStatus::Booked => &mut self.bookings,
            EntryStatus::Pending => &mut self.pending,
            EntryStatus::Information => return,
        };
        // What a text column cannot hold equals nothing that is stored.
        let end_to_end_id = end_to_end(bank).filter(|id| !id.contains('\0')).map(str::to_owned);
        let payer = payer(bank);
        let Ok(micros) = bank.amount.to_micros() else { return };
        if payer.is_none() && end_to_end_id.is_none() {
            return;
        }
        list.push(One {
            key: key.cloned(),
            bank_account: bank.bank_account.as_str().to_owned(),
            currency: bank.amount.currency(),
            micros,
            payer,
            end_to_end_id,
            day: bank.booking_date,
        });
    }
}

/// Binds what is looked for.
fn of<'q>(
    query: Query<'q, Postgres, PgArguments>,
    all: &'q [One],
) -> Query<'q, Postgres, PgArguments> {
    query
        .bind(all.iter().map(|one| one.bank_account.as_str()).collect::<Vec<_>>())
        .bind(all.iter().map(|one| one.currency.code()).collect::<Vec<_>>())
        .bind(all.iter().map(|one| one.micros).collect::<Vec<_>>())
        .bind(all.iter().map(|one| one.payer.as_deref()).collect::<Vec<_>>())
        .bind(all.iter().map(|one| one.end_to_end_id.as_deref()).collect::<Vec<_>>())
}

/// Reads what the bookings that are not known yet may have been announced as, and what announces
/// them late. One that was announced under its own key takes the place of that, and nothing is
/// read for it.
pub(super) async fn load(
    tx: &mut Tx<'_>,
    announced: &Announced,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let new = |set: &WorkingSet, all: &[One]| -> Vec<One> {
        let known =
            |one: &&One| one.key.as_ref().is_some_and(|key| set.bank_here().contains_key(key));
        all.iter().filter(|one| !known(one)).cloned().collect()
    };
    let bookings = new(set, &announced.bookings);
    if !bookings.is_empty() {
        let query = sqlx::query(sql!("load_pending"));
        for row in of(query, &bookings).bind(ALIKE_MAX).fetch_all(&mut **tx).await? {
            if let Some(record) = rows::readable(rows::bank_record(&row))? {
                set.pending.record(&record);
            }
        }
    }
    let pending = new(set, &announced.pending);
    set.pending.looks_back = !announced.pending.is_empty();
    let (Some(first), Some(last)) =
        (pending.iter().map(|one| one.day).min(), pending.iter().map(|one| one.day).max())
    else {
        return Ok(());
    };
    let last = last.checked_add_days(LATE_DAYS).unwrap_or(last);
    let query = of(sqlx::query(sql!("load_announced_late")), &pending);
    let query = query.bind(pending.iter().map(|one| one.day).collect::<Vec<_>>());
    for row in query.bind(first).bind(last).fetch_all(&mut **tx).await? {
        if let Some(record) = rows::readable(rows::bank_record(&row))? {
            set.pending.booked(&record);
        }
    }
    Ok(())
}
