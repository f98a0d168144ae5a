//! Up to which id nothing of the outbox can appear any more.
//!
//! Ids are given out in order and commit in any order, so the highest id that was seen says nothing
//! of those below it. An id is given out under a lock on the table, and the lock is held until the
//! row is visible or never will be. So the last id is noted first, then who holds the lock; once
//! all of these have ended, what is not visible up to the noted id never will be.
//!
//! The note is kept in memory alone: a restored database, another server or another relay begins
//! with a note of its own. A long transaction keeps the horizon where it is, and no event.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::store::outbox::{self, Noted, Writer};
use crate::store::{StoreError, Tx};

/// Reading who holds locks stops all who take one for a moment.
const EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Horizon {
    looked: Option<Instant>,
    note: Option<Note>,
}

#[derive(Debug)]
struct Note {
    noted: Noted,
    /// The transactions that could still commit a row up to the noted id.
    writers: BTreeSet<String>,
}

impl Note {
    /// Whether all have ended. Who prepares its transaction goes on under another name, so any that
    /// is prepared may be one of them.
    fn is_settled(&self, now: &[Writer]) -> bool {
        now.iter().all(|writer| !writer.prepared && !self.writers.contains(&writer.name))
    }

    /// Whether it says anything of the server that answers now.
    fn is_of(&self, now: &Noted) -> bool {
        self.noted.server == now.server && self.noted.last <= now.last
    }
}

impl Horizon {
    /// Looks whether the horizon can move, once a second; says whether it did.
    pub(super) async fn look_in_tx(&mut self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        if self.looked.is_some_and(|looked| looked.elapsed() < EVERY) {
            return Ok(false);
        }
        self.looked = Some(Instant::now());
        let noted = outbox::noted_in_tx(tx).await?;
        if noted.last <= noted.horizon {
            self.note = None;
            return Ok(false);
        }
        let writers = outbox::writers_in_tx(tx).await?;
        let mut moved = false;
        if let Some(note) = self.note.as_ref().filter(|note| note.is_of(&noted)) {
            moved = note.is_settled(&writers) && outbox::advance_in_tx(tx, note.noted.last).await?;
            if !moved && note.noted.last > noted.horizon {
                return Ok(false);
            }
        }
        let names = writers.iter().map(|writer| writer.name.clone()).collect();
        let note = Note { noted, writers: names };
        // While nobody writes there is nothing to wait for.
        if writers.is_empty() && outbox::advance_in_tx(tx, note.noted.last).await? {
            self.note = None;
            return Ok(true);
        }
        self.note = Some(note);
        Ok(moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(last: i64, server: &str) -> Noted {
        Noted { last, horizon: 0, server: server.to_owned() }
    }

    fn writer(name: &str, prepared: bool) -> Writer {
        Writer { name: name.to_owned(), prepared }
    }

    #[test]
    fn a_note_is_settled_once_all_that_wrote_then_have_ended() {
        let writers = ["3/1", "4/9"].map(str::to_owned).into();
        let note = Note { noted: noted(7, "a"), writers };
        assert!(note.is_settled(&[]));
        assert!(note.is_settled(&[writer("3/2", false), writer("5/9", false)]));
        assert!(!note.is_settled(&[writer("3/2", false), writer("4/9", false)]));
        // 3/1 may have been prepared.
        assert!(!note.is_settled(&[writer("-1/700", true)]));
    }

    #[test]
    fn a_note_is_of_one_run_of_one_server() {
        let note = Note { noted: noted(7, "a"), writers: BTreeSet::new() };
        assert!(note.is_of(&noted(7, "a")) && note.is_of(&noted(9, "a")));
        assert!(!note.is_of(&noted(9, "b")) && !note.is_of(&noted(6, "a")));
    }
}
