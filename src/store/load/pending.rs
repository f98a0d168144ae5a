//! What is announced and may be booked by this batch under another id, and what was booked already
//! of that which this batch announces.

use chrono::NaiveDate;
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;

use crate::domain::bank::{BankTransaction, EntryStatus};
use crate::domain::decide::bank::print_of;
use crate::domain::effect::BankKey;
use crate::domain::input::ContentHash;
use crate::domain::want::Want;
use crate::domain::working_set::WorkingSet;
use crate::domain::working_set::pending::{LATE_DAYS, Transfer};
use crate::store::{StoreError, Tx, rows, sql};

/// Pending records of one payer or order and one amount that a booking is compared with: the first
/// of them, which is the one that is taken where they are alike.
const ALIKE_MAX: i64 = 64;

/// A record that is booked or announced.
#[derive(Debug, Clone)]
struct One {
    /// Of several that are equal what their keys begin with: that the first is known says nothing.
    key: BankKey,
    of_equals: bool,
    transfer: Transfer,
    day: NaiveDate,
}

/// The bookings of a batch, and what it announces.
#[derive(Debug, Default)]
pub(super) struct Announced {
    bookings: Vec<One>,
    pending: Vec<One>,
}

impl Announced {
    pub(super) fn add(
        &mut self,
        bank: &BankTransaction,
        key: Option<&BankKey>,
        hash: &ContentHash,
    ) {
        let list = match bank.status {
            EntryStatus::Booked => &mut self.bookings,
            EntryStatus::Pending => &mut self.pending,
            EntryStatus::Information => return,
        };
        let Some(transfer) = Transfer::of(bank) else { return };
        let bank_account = bank.bank_account.as_str();
        let print = || BankKey { bank_account: bank_account.to_owned(), key: print_of(hash) };
        list.push(One {
            key: key.cloned().unwrap_or_else(print),
            of_equals: key.is_none(),
            transfer,
            day: bank.booking_date,
        });
    }

    /// What deciding wants and was not foreseen.
    fn of(wants: &[Want]) -> Self {
        let mut all = Self::default();
        for want in wants {
            let one = |key: &BankKey, transfer: &Transfer, day| {
                let (key, transfer) = (key.clone(), transfer.clone());
                One { key, of_equals: false, transfer, day }
            };
            if let Want::Announced(key, transfer) = want {
                // The day of a booking is not looked at.
                all.bookings.push(one(key, transfer, NaiveDate::default()));
            } else if let Want::BookedAlready(key, transfer, day) = want {
                all.pending.push(one(key, transfer, *day));
            }
        }
        all
    }
}

/// Loads what deciding wants of that.
pub(super) async fn misses(
    tx: &mut Tx<'_>,
    wants: &[Want],
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    load(tx, &Announced::of(wants), set).await
}

/// Binds what is looked for.
fn of<'q>(
    query: Query<'q, Postgres, PgArguments>,
    all: &'q [One],
) -> Query<'q, Postgres, PgArguments> {
    // What a text column cannot hold equals nothing that is stored.
    let end_to_end =
        |one: &'q One| one.transfer.end_to_end.as_deref().filter(|id| !id.contains('\0'));
    query
        .bind(all.iter().map(|one| one.transfer.bank_account.as_str()).collect::<Vec<_>>())
        .bind(all.iter().map(|one| one.transfer.currency.code()).collect::<Vec<_>>())
        .bind(all.iter().map(|one| one.transfer.micros).collect::<Vec<_>>())
        .bind(all.iter().map(|one| one.transfer.payer.as_deref()).collect::<Vec<_>>())
        .bind(all.iter().map(end_to_end).collect::<Vec<_>>())
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
        let known = |one: &&One| !one.of_equals && set.bank_here().contains_key(&one.key);
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
    announced.bookings.iter().for_each(|one| set.pending.ask_booking(one.key.clone()));
    let pending = new(set, &announced.pending);
    announced.pending.iter().for_each(|one| set.pending.ask_announcement(one.key.clone()));
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
