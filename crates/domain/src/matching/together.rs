//! Payments of one customer that are one invoice together: people pay in two halves, or send the
//! rest later. What adds up is one choice for a person; nothing of it is done by itself.

use super::verdict::Verdict;
use crate::ids::{AccountId, PaymentId};
use crate::invoice::BookEntry;
use crate::matching::decision::{NamedBy, SUGGESTIONS_MAX, Together};
use crate::matching::step::Matching;
use crate::money::Money;
use crate::working_set::HELD_MAX;
use crate::working_set::miss::Stop;

/// Choices of several payments that one decision offers.
const TOGETHER_MAX: usize = 3;
const _: () = assert!(TOGETHER_MAX <= SUGGESTIONS_MAX);
/// A note of an explanation; `payments explain` prints it as it is.
const SHED: &str = "the customer has many payments that wait, and not all of them were added up";

impl Matching<'_> {
    /// Adds the invoices of `entries` (in the declared order) that are exactly the payment and one
    /// or two others that wait for the same customer. Each invoice once: with the fewest others.
    pub(super) fn add_together(
        &mut self,
        account_id: &AccountId,
        entries: Vec<BookEntry>,
    ) -> Result<(), Stop> {
        let free = self.subject.free;
        let short = |entry: &BookEntry| {
            let due = entry.amount_due;
            due.currency() == free.currency() && due.compare(free).is_ok_and(|order| order.is_gt())
        };
        let entries: Vec<BookEntry> = entries.into_iter().filter(short).collect();
        if entries.is_empty() || self.was_taken_off() {
            return Ok(());
        }
        let mut held = self.set.held_payments(account_id, free.currency())?;
        held.retain(|(payment_id, _)| payment_id != self.subject.payment_id);
        if held.len() > HELD_MAX {
            self.explanation.notes.push(SHED);
            held.truncate(HELD_MAX);
        }
        for entry in entries {
            if self.together.len() >= TOGETHER_MAX {
                break;
            }
            let missing = entry.amount_due.sub(free)?;
            let found = one(&held, missing).or_else(|| two(&held, missing));
            let found = found.map(in_order);
            let Some(with) = found.filter(|with| !self.is_refused(&entry, with)) else {
                continue;
            };
            self.push_candidate(&entry, NamedBy::Account, Verdict::AddsUpWithOthers);
            self.together.push(Together { invoice: entry, with });
        }
        Ok(())
    }

    /// What a person took off an invoice is left to that person.
    fn was_taken_off(&self) -> bool {
        self.set.taken_off(self.subject.payment_id).is_some()
    }

    fn is_refused(&self, entry: &BookEntry, with: &[(PaymentId, Money)]) -> bool {
        let others = with.iter().map(|other| &other.0);
        self.set.is_refused_together(self.subject.payment_id, others, &entry.invoice_id)
    }
}

/// As they are stored.
fn in_order(mut with: Vec<(PaymentId, Money)>) -> Vec<(PaymentId, Money)> {
    with.sort_by(|left, right| left.0.cmp(&right.0));
    with
}

/// The first that is exactly what is missing.
fn one(held: &[(PaymentId, Money)], missing: Money) -> Option<Vec<(PaymentId, Money)>> {
    held.iter().find(|other| other.1 == missing).map(|other| vec![other.clone()])
}

/// The first two that are: at most so many steps as there are pairs.
fn two(held: &[(PaymentId, Money)], missing: Money) -> Option<Vec<(PaymentId, Money)>> {
    held.iter().enumerate().find_map(|(at, first)| {
        let left = missing.sub(first.1).ok().filter(|left| left.is_positive())?;
        let second = held.get(at.saturating_add(1)..)?.iter().find(|other| other.1 == left)?;
        Some(vec![first.clone(), second.clone()])
    })
}
