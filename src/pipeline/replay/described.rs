//! What a customer was described as since: an old description that comes again by hand is obsolete.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::{Ready, Replayed};
use crate::domain::ids::AccountId;
use crate::domain::input::{Command, Input};
use crate::store::{StoreError, Tx, dead_letters};

/// Marks descriptions of customers that are older than what was applied since. True: one of these
/// letters is older than another before it, so they cannot be decided together.
pub(super) async fn mark(
    tx: &mut Tx<'_>,
    ready: &[Ready<'_>],
    found: &mut [Option<Replayed>],
) -> Result<bool, StoreError> {
    let upserts: Vec<(usize, &AccountId, DateTime<Utc>)> = (0..ready.len())
        .filter(|at| found.get(*at).is_some_and(Option::is_none))
        .filter_map(|at| upsert(ready.get(at)?).map(|(id, time)| (at, id, time)))
        .collect();
    if upserts.is_empty() {
        return Ok(false);
    }
    let ids: Vec<&str> = upserts.iter().map(|(_, id, _)| id.as_str()).collect();
    let described = dead_letters::described_in_tx(tx, &ids).await?;
    let mut newest: HashMap<&AccountId, DateTime<Utc>> = HashMap::new();
    for (at, account_id, time) in upserts {
        let seen = newest.entry(account_id).or_insert(time);
        if *seen > time {
            return Ok(true);
        }
        *seen = time;
        let later = described.get(account_id.as_str()).is_some_and(|known| *known > time);
        if let Some(slot) = found.get_mut(at).filter(|_| later) {
            *slot = Some(Replayed::Obsolete);
        }
    }
    Ok(false)
}

fn upsert<'a>(ready: &'a Ready<'_>) -> Option<(&'a AccountId, DateTime<Utc>)> {
    let message = ready.item.decoded.as_ref().ok()?;
    match &message.input {
        Input::Command(Command::UpsertAccount(upsert)) => Some((&upsert.account_id, message.time)),
        _ => None,
    }
}
