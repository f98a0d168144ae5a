//! Dead letters again: in place, under the original id, one transaction each.
//!
//! A replay runs the stored bytes through decode, decide and persist like a new record. It never
//! skips the idempotency check: what took effect meanwhile is reported, not repeated. A dry run
//! is the same transaction, rolled back.

use super::Pipeline;
use super::batch::{Ended, place_of, run_in_tx};
use super::lane::decode_again;
use crate::store::dead_letters::{self, Act, DeadLetter};
use crate::store::load::Locks;
use crate::store::{StoreError, Tx, inbox, next_id_block};

/// What became, or would become, of a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Replayed {
    /// It has its effect now.
    Applied {
        subject: Option<String>,
    },
    /// Its id, or its bank transaction, took effect before: nothing is done.
    AlreadyApplied,
    /// It was decoded and refused for a business reason; the requester was told.
    Rejected {
        code: String,
    },
    StillFailing {
        code: String,
    },
    /// Replayed or discarded before.
    AlreadyResolved,
    /// An earlier dead letter of the same key still fails, and order is kept.
    Blocked,
    Unknown,
}

impl Replayed {
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Applied { .. } => "applied",
            Self::AlreadyApplied => "already_applied",
            Self::Rejected { .. } => "rejected",
            Self::StillFailing { .. } => "still_failing",
            Self::AlreadyResolved => "already_resolved",
            Self::Blocked => "blocked",
            Self::Unknown => "unknown",
        }
    }

    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Rejected { code } | Self::StillFailing { code } => Some(code),
            Self::Applied { .. }
            | Self::AlreadyApplied
            | Self::AlreadyResolved
            | Self::Blocked
            | Self::Unknown => None,
        }
    }

    /// Whether the dead letter is closed by it.
    #[must_use]
    pub fn resolves(&self) -> bool {
        match self {
            Self::Applied { .. } | Self::AlreadyApplied | Self::Rejected { .. } => true,
            Self::StillFailing { .. } | Self::AlreadyResolved | Self::Blocked | Self::Unknown => {
                false
            }
        }
    }
}

impl Pipeline {
    /// Replays one dead letter; with `dry_run` says what would happen and changes nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn replay(
        &self,
        id: i64,
        operator: &str,
        reason: Option<&str>,
        dry_run: bool,
    ) -> Result<Replayed, StoreError> {
        let at = self.clock().now();
        let mut tx = self.pool().begin().await?;
        let Some(letter) = dead_letters::lock_in_tx(&mut tx, id).await? else {
            tx.rollback().await?;
            return Ok(Replayed::Unknown);
        };
        if letter.status != "open" {
            tx.rollback().await?;
            return Ok(Replayed::AlreadyResolved);
        }
        let replayed = self.replay_in_tx(&mut tx, &letter).await?;
        if dry_run {
            tx.rollback().await?;
            return Ok(replayed);
        }
        let act = Act {
            dead_letter_id: id,
            act: "replay",
            operator,
            reason,
            outcome: replayed.word(),
            code: replayed.code(),
        };
        dead_letters::act_in_tx(&mut tx, &act, at).await?;
        if replayed.resolves() {
            let resolution = format!("{} by {operator}", replayed.word());
            dead_letters::resolve_in_tx(&mut tx, id, "replayed", &resolution, at).await?;
        }
        tx.commit().await?;
        Ok(replayed)
    }

    async fn replay_in_tx(
        &self,
        tx: &mut Tx<'_>,
        letter: &DeadLetter,
    ) -> Result<Replayed, StoreError> {
        let Some(mut item) = decode_again(&self.settings().topics, &letter.raw) else {
            return Ok(Replayed::StillFailing { code: "wrong_topic".to_owned() });
        };
        let record = match &item.decoded {
            Ok(message) => message.record.clone(),
            Err(failure) => {
                return Ok(Replayed::StillFailing { code: failure.code.code().to_owned() });
            }
        };
        let known = inbox::state_in_tx(tx, &record).await?;
        let place = place_of(&letter.raw);
        item.again = false;
        if let Some(state) = known {
            let same = item.decoded.as_ref().is_ok_and(|m| m.content_hash == state.content_hash);
            if !same {
                return Ok(Replayed::StillFailing { code: "conflict".to_owned() });
            }
            if state.outcome != "dead_lettered" {
                return Ok(Replayed::AlreadyApplied);
            }
            item.again = true;
        }
        let block = next_id_block(tx).await?;
        let at = self.clock().now();
        let written =
            run_in_tx(self, tx, std::slice::from_ref(&item), block, Locks::First, at).await?;
        let ended = written.ended.into_iter().next();
        let ended = ended.ok_or(StoreError::Corrupt("a record without an outcome"))?;
        let (outcome, code) = (ended.outcome, ended.code.as_deref());
        let subject = ended.subject.as_deref();
        if item.again && !matches!(outcome, "dead_lettered" | "waiting") {
            dead_letters::update_inbox_in_tx(tx, &record, outcome, code, subject).await?;
        }
        if place != record && !matches!(outcome, "dead_lettered" | "waiting") {
            let now = format!("record:{record}");
            dead_letters::update_inbox_in_tx(tx, &place, "applied", None, Some(&now)).await?;
        }
        Ok(replayed(ended))
    }
}

fn replayed(ended: Ended) -> Replayed {
    let code = ended.code.unwrap_or_default();
    match ended.outcome {
        "applied" => Replayed::Applied { subject: ended.subject },
        "duplicate" => Replayed::AlreadyApplied,
        "rejected" => Replayed::Rejected { code },
        _ => Replayed::StillFailing { code },
    }
}
