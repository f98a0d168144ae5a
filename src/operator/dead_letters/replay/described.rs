//! What was said anew since: an old description of a customer, or an old amount of a hold, that
//! comes again by hand is obsolete.

use chrono::{DateTime, Utc};
use foldhash::{HashMap, HashMapExt as _};

use super::{Ready, Replayed};
use crate::domain::ids::{AccountId, HoldId};
use crate::domain::input::{Command, Input};
use crate::domain::usage::Usage;
use crate::store::{StoreError, Tx, dead_letters};

/// What a record says as it is from then on: a customer, or one of their holds.
type Said<'a> = (&'a AccountId, Option<&'a HoldId>);

/// Marks descriptions of customers, and holds, that are older than what was applied since. True:
/// one of these letters is older than another before it, so they cannot be decided together.
pub(super) async fn mark(
    tx: &mut Tx<'_>,
    ready: &[Ready<'_>],
    found: &mut [Option<Replayed>],
) -> Result<bool, StoreError> {
    let told: Vec<(usize, Said<'_>, DateTime<Utc>)> = (0..ready.len())
        .filter(|at| found.get(*at).is_some_and(Option::is_none))
        .filter_map(|at| said(ready.get(at)?).map(|(of, time)| (at, of, time)))
        .collect();
    let known = known(tx, &told).await?;
    let mut newest: HashMap<Said<'_>, DateTime<Utc>> = HashMap::new();
    for (at, of, time) in told {
        let seen = newest.entry(of).or_insert(time);
        if *seen > time {
            return Ok(true);
        }
        *seen = time;
        let later = known.get(&of).is_some_and(|known| *known > time);
        if let Some(slot) = found.get_mut(at).filter(|_| later) {
            *slot = Some(Replayed::Obsolete);
        }
    }
    Ok(false)
}

/// When each was said last, by what took effect.
async fn known<'a>(
    tx: &mut Tx<'_>,
    told: &[(usize, Said<'a>, DateTime<Utc>)],
) -> Result<HashMap<Said<'a>, DateTime<Utc>>, StoreError> {
    let of = || told.iter().map(|(_, of, _)| *of);
    let customers: Vec<&str> =
        of().filter(|of| of.1.is_none()).map(|(account_id, _)| account_id.as_str()).collect();
    let holds: (Vec<&str>, Vec<&str>) = of()
        .filter_map(|(account_id, hold_id)| Some((account_id.as_str(), hold_id?.as_str())))
        .unzip();
    let mut known = HashMap::new();
    if !customers.is_empty() {
        let described = dead_letters::described_in_tx(tx, &customers).await?;
        let at = |(account_id, hold_id): &Said<'_>| {
            described.get(account_id.as_str()).filter(|_| hold_id.is_none()).copied()
        };
        known.extend(of().filter_map(|of| Some((of, at(&of)?))));
    }
    if !holds.0.is_empty() {
        let told = dead_letters::holds_told_in_tx(tx, (&holds.0, &holds.1)).await?;
        let at = |(account_id, hold_id): &Said<'_>| {
            let key = (account_id.as_str().to_owned(), hold_id.as_ref()?.as_str().to_owned());
            told.get(&key).copied()
        };
        known.extend(of().filter_map(|of| Some((of, at(&of)?))));
    }
    Ok(known)
}

fn said<'a>(ready: &'a Ready<'_>) -> Option<(Said<'a>, DateTime<Utc>)> {
    let message = ready.item.decoded.as_ref().ok()?;
    if let Input::Command(Command::UpsertAccount(upsert)) = &message.input {
        Some(((&upsert.account_id, None), message.time))
    } else if let Input::Usage(Usage::Hold(hold)) = &message.input {
        Some(((&hold.account_id, Some(&hold.hold_id)), message.time))
    } else {
        None
    }
}
