//! Decisions. One that was made when its payment was recorded is in the payment's row: nearly all
//! payments have it and no other. Later ones have a table of their own.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use foldhash::HashMap;

use crate::domain::ids::PaymentId;
use crate::domain::matching::{MatchDecision, MatchOutcome, RULE_SET_VERSION};
use crate::store::packed::{EXPLANATIONS, Packer};
use crate::store::persist::ExplainedDecision;
use crate::store::{StoreError, Tx};

/// A decision as it is stored.
pub(super) struct Stored<'a> {
    explained: &'a ExplainedDecision,
    pub form: i16,
    pub explanation: Vec<u8>,
}

/// The decisions of a batch.
#[derive(Default)]
pub(super) struct Decisions<'a> {
    first: HashMap<&'a PaymentId, Stored<'a>>,
    further: Vec<Stored<'a>>,
}

impl<'a> Decisions<'a> {
    /// `new` are the payments that the batch records, at `at`.
    pub(super) fn of(
        all: &'a [ExplainedDecision],
        new: &BTreeSet<&PaymentId>,
        at: DateTime<Utc>,
    ) -> Self {
        let mut packer = Packer::new(&EXPLANATIONS);
        let mut decisions = Self::default();
        // Of one payment the first counts, and no later one takes its place.
        let mut seen = BTreeSet::new();
        for explained in all {
            let (form, explanation) = packer.pack(&explained.explanation);
            let stored = Stored { explained, form, explanation };
            let decision = &explained.decision;
            let is_first = seen.insert(&decision.payment_id);
            if is_first && decision.decided_at == at && new.contains(&decision.payment_id) {
                decisions.first.insert(&decision.payment_id, stored);
            } else {
                decisions.further.push(stored);
            }
        }
        decisions
    }

    /// What was decided when the payment was recorded.
    pub(super) fn first(&self, payment_id: &PaymentId) -> Option<&Stored<'a>> {
        self.first.get(payment_id)
    }

    /// Writes those that are not in the rows of their payments.
    pub(super) async fn insert_further(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let further = &self.further;
        store!(tx, "insert_decisions", for d in further {
            decision_id: d.id(),
            payment_id: d.explained.decision.payment_id.as_str(),
            rule: d.rule(),
            rule_set_version => RULE_SET_VERSION,
            outcome: d.outcome(),
            reason: d.reason(),
            form: d.form,
            explanation: d.explanation.as_slice(),
            source: d.source(),
            id: d.cause(),
            decided_at: d.explained.decision.decided_at,
            policy_version: d.policy_version(),
        });
        Ok(())
    }
}

impl Stored<'_> {
    fn decision(&self) -> &MatchDecision {
        &self.explained.decision
    }

    pub(super) fn id(&self) -> i64 {
        self.decision().id.0
    }

    pub(super) fn rule(&self) -> &'static str {
        self.decision().rule.word()
    }

    pub(super) fn outcome(&self) -> &'static str {
        self.decision().outcome.word(!self.decision().suggestions.is_empty())
    }

    pub(super) fn reason(&self) -> Option<&'static str> {
        match self.decision().outcome {
            MatchOutcome::Park(reason) => Some(reason.code()),
            MatchOutcome::Allocate(_) | MatchOutcome::OnAccount => None,
        }
    }

    pub(super) fn source(&self) -> &str {
        self.explained.cause.source.as_str()
    }

    pub(super) fn cause(&self) -> &str {
        self.explained.cause.id.as_str()
    }

    pub(super) fn policy_version(&self) -> i32 {
        self.decision().policy_version
    }
}
