//! Balances. That in the customer's first currency is in the customer's row, and changes with its
//! event sequence; one in another currency has a row of its own.
//!
//! A batch that locks last has not read them: it decided as if they were zero, which is the same
//! unless one is a debt that a new lot would have cleared first.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use foldhash::{HashMap, HashMapExt as _};
use sqlx::Row;

use super::{expect_rows, micros};
use crate::domain::ids::AccountId;
use crate::domain::money::{Currency, Money};
use crate::domain::working_set::{Rebase, WorkingSet};
use crate::store::load::{LockedAccount, Locks};
use crate::store::{StoreError, Tx, rows};

/// What a balance is under the lock, and what it becomes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Move {
    was: Money,
    now: Money,
}

/// The balances that a batch changes.
#[derive(Debug, Default)]
pub(super) struct Moves {
    first: HashMap<AccountId, Move>,
    further: BTreeMap<(AccountId, Currency), Move>,
}

/// What changes of the balances, from what they are under the locks. `rebase` learns by how much
/// they differ from what was assumed.
pub(super) async fn moves(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    after: &WorkingSet,
    (locks, locked): (Locks, &[LockedAccount]),
    rebase: &mut Rebase,
) -> Result<Moves, StoreError> {
    let mut changed = BTreeMap::new();
    for (account_id, now) in after.balances_here() {
        let was = before.balance(account_id, now.currency());
        if was != now {
            changed.insert((account_id, now.currency()), Move { was, now });
        }
    }
    let mut moves = Moves::default();
    if changed.is_empty() {
        return Ok(moves);
    }
    let locked: HashMap<&AccountId, &LockedAccount> =
        locked.iter().map(|locked| (&locked.account.account_id, locked)).collect();
    for ((account_id, currency), change) in changed {
        let held = locked.get(account_id);
        let known = held.map(|held| &held.account);
        let known = known.or_else(|| before.accounts_here().get(account_id));
        let first = known.and_then(|account| account.balance_currency);
        let is_first = first.map_or(!moves.first.contains_key(account_id), |it| it == currency);
        if !is_first {
            moves.further.insert((account_id.clone(), currency), change);
            continue;
        }
        let balance = held.map(|held| Money::from_micros(held.balance, currency));
        let change = change.from(balance, (account_id, currency), rebase)?;
        moves.first.insert(account_id.clone(), change);
    }
    if locks == Locks::Last && !moves.further.is_empty() {
        let held = further(tx, &moves).await?;
        for ((account_id, currency), change) in &mut moves.further {
            let key = (account_id.clone(), *currency);
            let balance = held.get(&key).copied().unwrap_or_else(|| Money::zero(*currency));
            *change = change.from(Some(balance), (account_id, *currency), rebase)?;
        }
    }
    Ok(moves)
}

impl Move {
    /// The same change of what the balance is under the lock, where it was read only now.
    fn from(
        self,
        held: Option<Money>,
        (account_id, currency): (&AccountId, Currency),
        rebase: &mut Rebase,
    ) -> Result<Self, StoreError> {
        let Some(held) = held else { return Ok(self) };
        let beyond = |_| StoreError::Corrupt("a balance");
        let moved = held.sub(self.was).map_err(beyond)?;
        if moved.is_negative() {
            return Err(StoreError::Raced("a balance"));
        }
        if !moved.is_zero() {
            rebase.balances.insert((account_id.clone(), currency), moved);
        }
        Ok(Self { was: held, now: self.now.add(moved).map_err(beyond)? })
    }
}

/// Further balances of the accounts, as they are.
async fn further(
    tx: &mut Tx<'_>,
    moves: &Moves,
) -> Result<HashMap<(AccountId, Currency), Money>, StoreError> {
    let ids: Vec<&str> = moves.further.keys().map(|(account_id, _)| account_id.as_str()).collect();
    let query = query!("load_further_balances": ids);
    let mut held = HashMap::new();
    for row in query.fetch_all(&mut **tx).await? {
        let currency = rows::currency(row.try_get(1)?)?;
        let key = (AccountId::trusted(row.try_get(0)?), currency);
        held.insert(key, Money::from_micros(row.try_get(2)?, currency));
    }
    Ok(held)
}

/// Writes the accounts' event sequences and their balances.
pub(super) async fn accounts(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    after: &WorkingSet,
    (rebase, moves): (&Rebase, &Moves),
    raises_books: bool,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut moved = Vec::new();
    let mut balances = 0_usize;
    for (id, account) in after.accounts_here() {
        let was = before.accounts_here().get(id).map_or(0, |account| account.event_sequence);
        let balance = moves.first.get(id);
        balances = balances.saturating_add(usize::from(balance.is_some()));
        if was != account.event_sequence || balance.is_some() {
            let by = rebase.sequences.get(id).copied().unwrap_or(0);
            let now = account.event_sequence.saturating_add(by);
            moved.push((id, was.saturating_add(by), now, balance));
        }
    }
    if balances != moves.first.len() {
        return Err(StoreError::Corrupt("a balance of an account that is not here"));
    }
    let in_micros = |money: Option<Money>| money.map(micros).transpose();
    let done = store!(tx, "move_accounts", for (id, was, now, balance) in moved {
        account_id: id.as_str(),
        was: *was,
        now: *now,
        updated_at => at,
        raised => i64::from(raises_books),
        currency: balance.map(|balance| balance.now.code()),
        balance_was: in_micros(balance.map(|balance| balance.was))?,
        balance: in_micros(balance.map(|balance| balance.now))?,
    });
    expect_rows(done, moved.len(), "an account's event sequence or balance")?;
    change_further(tx, moves, at).await
}

async fn change_further(
    tx: &mut Tx<'_>,
    moves: &Moves,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut changes = Vec::with_capacity(moves.further.len());
    for ((account_id, currency), change) in &moves.further {
        let delta = change.now.sub(change.was).map_err(|_| StoreError::Corrupt("a balance"))?;
        changes.push((account_id.as_str(), currency.code(), micros(delta)?));
    }
    if changes.is_empty() {
        return Ok(());
    }
    let query = bound!("change_further_balances", for (account_id, currency, delta) in changes {
        account_id: *account_id,
        currency: *currency,
        amount: *delta,
        updated_at => at,
    });
    for row in query.fetch_all(&mut **tx).await? {
        let currency = rows::currency(row.try_get(1)?)?;
        let key = (AccountId::trusted(row.try_get(0)?), currency);
        let now = Money::from_micros(row.try_get(2)?, currency);
        if moves.further.get(&key).is_none_or(|change| change.now != now) {
            return Err(StoreError::Raced("a balance"));
        }
    }
    Ok(())
}
