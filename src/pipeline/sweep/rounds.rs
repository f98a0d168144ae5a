//! What waits is looked at in the order of its keys, round and round, a bounded number in a sweep:
//! much that waits makes a round longer, and no sweep.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use crate::domain::ids::BankKey;
use crate::pipeline::Pipeline;
use crate::store::stretch::{Due, Stretch};
use crate::store::{StoreError, returns, waiting};

/// Waiting commands, and parked returns, that one sweep looks at; and of those that are due
/// as many as it works on. Each is looked at within as many sweeps as there are two thousands.
const LOOKED_AT_MAX: i64 = 2_000;
const DUE_MAX: i64 = 200;

/// How far sweeps have looked.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Rounds {
    waiting: Round<(String, i64)>,
    returns: Round<BankKey>,
}

/// Behind which key the next sweep goes on; the smallest for the beginning.
#[derive(Debug, Default)]
struct Round<K>(Mutex<K>);

/// What a sweep found due, and whether it came to the end of all that waits.
pub(super) struct Looked<T> {
    pub due: Vec<T>,
    pub came_round: bool,
}

impl<K: Clone + Default + PartialEq> Round<K> {
    /// What is behind the place where the last sweep ended.
    fn stretch(&self) -> Stretch<K> {
        let behind = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Stretch { behind, until: None, due: DUE_MAX, all: LOOKED_AT_MAX }
    }

    /// Where that came to the end, what is before that place.
    fn beginning<T>(first: &Stretch<K>, found: &Due<K, T>) -> Option<Stretch<K>> {
        let more = found.next.is_none() && first.behind != K::default();
        // What was found so far is less than the most.
        let due = DUE_MAX.saturating_sub(i64::try_from(found.due.len()).unwrap_or(DUE_MAX)).max(1);
        let until = Some(first.behind.clone());
        more.then(|| Stretch { behind: K::default(), until, due, all: LOOKED_AT_MAX })
    }

    /// The next sweep goes on behind what was looked at.
    fn end<T>(&self, mut found: Due<K, T>, more: Option<Due<K, T>>) -> Looked<T> {
        let came_round = found.next.is_none();
        if let Some(more) = more {
            found.due.extend(more.due);
            found.next = more.next;
        }
        let next = found.next.unwrap_or_default();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = next;
        found.due.sort_by_key(|(since, number, _)| (*since, *number));
        Looked { due: found.due.into_iter().map(|(_, _, due)| due).collect(), came_round }
    }
}

impl Pipeline {
    /// Waiting commands that may go on or are at their deadline, each with its key.
    pub(super) async fn due_commands(
        &self,
        at: DateTime<Utc>,
        known: Option<DateTime<Utc>>,
    ) -> Result<Looked<(String, i64)>, StoreError> {
        let round = &self.rounds.waiting;
        let stretch = round.stretch();
        let found = waiting::page(self.pool(), at, known, &stretch).await?;
        let more = match Round::beginning(&stretch, &found) {
            Some(stretch) => Some(waiting::page(self.pool(), at, known, &stretch).await?),
            None => None,
        };
        Ok(round.end(found, more))
    }

    /// Parked returns that are to be tried again, with since when they are parked.
    pub(super) async fn due_returns(
        &self,
        at: DateTime<Utc>,
    ) -> Result<Looked<(BankKey, DateTime<Utc>)>, StoreError> {
        let round = &self.rounds.returns;
        let stretch = round.stretch();
        let found = returns::page(self.pool(), at, &stretch).await?;
        let more = match Round::beginning(&stretch, &found) {
            Some(stretch) => Some(returns::page(self.pool(), at, &stretch).await?),
            None => None,
        };
        Ok(round.end(found, more))
    }
}
