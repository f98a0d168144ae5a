//! Payments, what they pay, what persons took them off, and which ids are taken.

use std::collections::BTreeSet;

use sqlx::Row;

use super::{Locks, Needs, balances, invoices, lock_accounts, steps_back};
use crate::domain::ids::{AccountId, InvoiceId, PaymentId};
use crate::domain::want::Want;
use crate::domain::working_set::WorkingSet;
use crate::store::{StoreError, Tx, rows};

/// Reads and locks the payments that are named (one without an account has no other protection),
/// and reads their live links.
pub(super) async fn load(
    tx: &mut Tx<'_>,
    needs: &Needs,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if needs.payments.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = needs.payments.iter().map(String::as_str).collect();
    for row in query!("lock_payments": &ids).fetch_all(&mut **tx).await? {
        set.know_payment(rows::payment(&row)?);
    }
    pairs(tx, &ids, set).await?;
    tombstones(tx, &ids, set).await?;
    set.ask(ids.into_iter().map(|id| Want::Payment(PaymentId::trusted(id))));
    Ok(())
}

/// What these payments pay now.
pub(super) async fn pairs(
    tx: &mut Tx<'_>,
    payments: &[&str],
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if payments.is_empty() {
        return Ok(());
    }
    for row in query!("load_live_pairs": payments).fetch_all(&mut **tx).await? {
        let invoice_id = InvoiceId::trusted(row.try_get(1)?);
        set.know_pays(PaymentId::trusted(row.try_get(0)?), invoice_id);
    }
    Ok(())
}

/// The invoices that persons took these payments off.
pub(super) async fn tombstones(
    tx: &mut Tx<'_>,
    payments: &[&str],
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    for row in query!("load_tombstones": payments).fetch_all(&mut **tx).await? {
        let invoice_id = InvoiceId::trusted(row.try_get(1)?);
        set.know_taken_off(PaymentId::trusted(row.try_get(0)?), invoice_id);
    }
    Ok(())
}

/// Which of these ids some payment has.
pub(super) async fn taken(
    tx: &mut Tx<'_>,
    ids: Vec<PaymentId>,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let words: Vec<&str> = ids.iter().map(PaymentId::as_str).collect();
    for row in query!("load_taken_ids": words).fetch_all(&mut **tx).await? {
        set.know_taken(PaymentId::trusted(row.try_get(0)?));
    }
    set.ask(ids.into_iter().map(Want::Taken));
    Ok(())
}

/// Loads the payments that deciding wants and that were not foreseen, under the locks of those
/// whose they are. A batch that locks last names none, and is tried again if one is wanted.
pub(super) async fn misses(
    tx: &mut Tx<'_>,
    locks: Locks,
    wants: &[Want],
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let mut late = Needs {
        payments: of_kind!(wants, Want::Payment(id) => id.as_str().to_owned()).collect(),
        steps_back: steps_back::StepsBack::of(wants),
        ..Needs::default()
    };
    taken(tx, of_kind!(wants, Want::Taken(id) => id.clone()).collect(), set).await?;
    let mut owners = steps_back::late(tx, &mut late, set).await?;
    late.asked(set);
    if late.payments.is_empty() {
        return Ok(());
    }
    if locks == Locks::Last {
        return Err(StoreError::Raced("a payment that was not foreseen"));
    }
    owners.retain(|id| !set.locked.contains(&AccountId::trusted(id)));
    lock_accounts(tx, &owners, set).await?;
    load(tx, &late, set).await?;
    steps_back::allocations(tx, &mut late, set).await?;
    check_owners(&late.payments, set)?;
    invoices(tx, late.invoices.iter().cloned().collect(), set).await?;
    balances(tx, &owners, set).await?;
    steps_back::lots(tx, &late, set).await
}

/// Whose they are was read before the locks.
fn check_owners(payments: &BTreeSet<String>, set: &WorkingSet) -> Result<(), StoreError> {
    let here = |id: &String| set.payments_here().get(&PaymentId::trusted(id));
    let mut owners = payments.iter().filter_map(|id| here(id)?.account_id.as_ref());
    if owners.any(|owner| !set.locked.contains(owner)) {
        return Err(StoreError::Raced("a payment's owner"));
    }
    Ok(())
}
