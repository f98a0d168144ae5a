//! Commands that wait.

use sqlx::Row;

use super::{Needs, payments};
use crate::domain::ids::{AccountId, MessageId, PaymentId, RecordId, Source};
use crate::domain::queue::{EVERYTHING, Queued};
use crate::domain::want::Want;
use crate::domain::working_set::WorkingSet;
use crate::store::{StoreError, Tx};

/// So many commands of one account that wait are looked at one by one. Where more wait, what comes
/// waits behind them, whatever it is about.
const QUEUE_MAX: i64 = 256;

/// What waits of the accounts, and which invoices a payment pays that is touched as a whole. Of
/// whoever has its own turn, what came before it.
pub(super) async fn load(
    tx: &mut Tx<'_>,
    own_turn: Option<&RecordId>,
    accounts: Vec<AccountId>,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if accounts.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = accounts.iter().map(AccountId::as_str).collect();
    let query = query!("load_queues": ids, own_turn.map(|record| record.source.as_str()),
        own_turn.map(|record| record.id.as_str()), QUEUE_MAX.saturating_add(1));
    let mut whole: Vec<PaymentId> = Vec::new();
    for row in query.fetch_all(&mut **tx).await? {
        let record = RecordId {
            source: Source::trusted(row.try_get(1)?),
            id: MessageId::trusted(row.try_get(2)?),
        };
        let touches: Vec<String> = row.try_get(3)?;
        let queued = Queued { record, touches: touches.into_iter().collect() };
        whole.extend(queued.whole_payments());
        set.queue_mut(AccountId::trusted(row.try_get(0)?)).push(queued);
    }
    for account_id in &accounts {
        // Of whom nothing waits there is nothing here either.
        let long =
            |queue: &&mut Vec<Queued>| i64::try_from(queue.len()).unwrap_or(i64::MAX) > QUEUE_MAX;
        let queue = Some(set.queue_mut(account_id.clone())).filter(long);
        if let Some(first) = queue.and_then(|queue| queue.first_mut()) {
            // What stands before it is not here.
            first.touches.insert(EVERYTHING.to_owned());
        }
    }
    set.ask(accounts.into_iter().map(Want::Queue));
    let ids: Vec<&str> = whole.iter().map(PaymentId::as_str).collect();
    payments::pairs(tx, &ids, set).await?;
    set.ask_what_they_pay(whole);
    Ok(())
}

/// Of the commands that the batch would cancel, those that wait.
pub(super) async fn cancelled(
    tx: &mut Tx<'_>,
    records: Vec<RecordId>,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if records.is_empty() {
        return Ok(());
    }
    let sources: Vec<&str> = records.iter().map(|record| record.source.as_str()).collect();
    let ids: Vec<&str> = records.iter().map(|record| record.id.as_str()).collect();
    let query = query!("load_waiting_named": sources, ids);
    for row in query.fetch_all(&mut **tx).await? {
        let record = RecordId {
            source: Source::trusted(row.try_get(0)?),
            id: MessageId::trusted(row.try_get(1)?),
        };
        set.know_waits(record, AccountId::trusted(row.try_get(2)?));
    }
    set.ask(records.into_iter().map(Want::Waits));
    Ok(())
}

/// Loads what was not foreseen of what waits.
pub(super) async fn misses(
    tx: &mut Tx<'_>,
    needs: &Needs,
    wants: &[Want],
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let accounts = of_kind!(wants, Want::Queue(id) => id.clone()).collect();
    load(tx, needs.own_turn.as_ref(), accounts, set).await?;
    cancelled(tx, of_kind!(wants, Want::Waits(record) => record.clone()).collect(), set).await
}
