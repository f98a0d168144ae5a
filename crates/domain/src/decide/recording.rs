//! One record while it is decided: its effects so far, and what stops it.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::effect::{Effect, Need, Outcome};
use crate::event::{Cause, EventKey, Fact};
use crate::ids::{ContentHash, IdBlock};
use crate::input::Waited;
use crate::ledger::PostingError;
use crate::matching::policy::RuleSet;
use crate::matching::text::Tokens;
use crate::money::MoneyError;
use crate::rejection::Rejection;
use crate::working_set::WorkingSet;
use crate::working_set::miss::Stop;

/// What every decision of a batch shares.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub rules: &'a RuleSet,
    /// The instant that decisions are taken for.
    pub as_of: DateTime<Utc>,
    /// "Complete up to" is believed up to this instant: now, and what clocks may differ by.
    pub claims_until: DateTime<Utc>,
}

/// What is refused or cannot go on; turned into an [`Outcome`] in one place.
#[derive(Debug)]
pub(super) enum Halt {
    Stop(Stop),
    Outcome(Outcome),
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<MoneyError> for Halt {
    fn from(error: MoneyError) -> Self {
        Self::Stop(Stop::from(error))
    }
}

impl From<PostingError> for Halt {
    fn from(error: PostingError) -> Self {
        Self::Stop(Stop::from(error))
    }
}

impl From<Rejection> for Halt {
    fn from(rejection: Rejection) -> Self {
        Self::Outcome(Outcome::Rejected(rejection))
    }
}

impl From<Need> for Halt {
    fn from(need: Need) -> Self {
        Self::Outcome(Outcome::Waiting(need))
    }
}

/// The effects of one record so far, applied to the working set as they are added.
pub(super) struct Recording<'a> {
    pub(super) set: &'a mut WorkingSet,
    pub(super) ids: &'a mut IdBlock,
    pub(super) context: Context<'a>,
    pub(super) cause: Arc<Cause>,
    pub(super) content_hash: ContentHash,
    /// What the bank says happened, without how it was delivered.
    pub(super) bank_hash: ContentHash,
    /// What the message's own text may name, if that was read before.
    pub(super) tokens: Option<Arc<Tokens>>,
    pub(super) waited: Option<Waited>,
    /// When it was written, as its source says.
    pub(super) written_at: DateTime<Utc>,
    /// When it was asked for: as upstream says, but not before it came.
    pub(super) asked_at: DateTime<Utc>,
    pub(super) effects: Vec<Effect>,
}

impl Recording<'_> {
    pub(super) fn add(&mut self, effect: Effect) -> Result<(), Stop> {
        self.set.apply(&effect, &self.cause)?;
        self.effects.push(effect);
        Ok(())
    }

    pub(super) fn publish(&mut self, key: EventKey, fact: Fact) -> Result<(), Stop> {
        self.add(Effect::Publish { key, fact: Box::new(fact) })
    }
}
