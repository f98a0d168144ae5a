//! The part of the working set that review reads: suggestions, refusals, learnt payers.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::WorkingSet;
use crate::account::{Alias, AliasUse, PayerLink};
use crate::ids::{InvoiceId, PaymentId, SuggestionId};
use crate::matching::decision::MatchDecision;
use crate::matching::weak;
use crate::payment::PaymentState;
use crate::review::{ReviewEffect, Suggestion, SuggestionStatus};
use crate::working_set::miss::Stop;

impl WorkingSet {
    pub fn suggestion(&self, payment_id: &PaymentId, id: &SuggestionId) -> Option<&Suggestion> {
        self.review.suggestions.get(payment_id)?.iter().find(|known| known.id == *id)
    }

    /// Whether a person refused exactly these invoices for this payment.
    pub fn is_rejected(&self, payment_id: &PaymentId, invoices: &BTreeSet<InvoiceId>) -> bool {
        let known = self.review.suggestions.get(payment_id).into_iter().flatten();
        let mut refused = known.filter(|known| known.status == SuggestionStatus::Rejected);
        refused.any(|known| known.with.is_empty() && known.invoices() == *invoices)
    }

    /// Whether a person refused that these payments are the invoice together.
    pub fn is_refused_together(
        &self,
        payments: &BTreeSet<PaymentId>,
        invoice_id: &InvoiceId,
    ) -> bool {
        let known = self.review.suggestions.values().flatten();
        let mut refused = known.filter(|known| known.status == SuggestionStatus::Rejected);
        refused.any(|known| {
            let invoice = known.parts.iter().any(|part| part.0 == *invoice_id);
            !known.with.is_empty() && invoice && known.payments() == *payments
        })
    }

    /// The account that a bank payment came from, if it is no account of ours.
    pub fn payer_of(&self, payment_id: &PaymentId) -> Option<String> {
        if let Some(payer) = self.review.debtors.get(payment_id) {
            return Some(payer.clone());
        }
        let bank = &self.watched.get(payment_id)?.transaction;
        let own = weak::payer_account(bank.bank_account.as_str());
        let payer = bank.debtor_account.as_deref().and_then(weak::payer_account)?;
        (Some(&payer) != own.as_ref()).then_some(payer)
    }

    pub fn alias(&self, link: &PayerLink) -> Option<&Alias> {
        self.customers(&link.payer_account)?.learnt.get(&link.account_id)
    }

    /// A newer decision takes the place of what an older one suggested.
    pub(super) fn note_decision(&mut self, decision: &MatchDecision) {
        if let Some(known) = self.review.suggestions.get_mut(&decision.payment_id) {
            close(known, |_| true);
        }
        if let Some(used) = &decision.alias {
            self.use_alias(used, &decision.payment_id);
        }
    }

    /// Money that went elsewhere cannot be given away again; a customer who was found leaves only
    /// what is theirs.
    pub(super) fn note_settled(&mut self, payment_id: &PaymentId, state: PaymentState) {
        let owner = self.payment(payment_id).and_then(|payment| payment.account_id.clone());
        let held = matches!(state, PaymentState::Parked(_) | PaymentState::OnAccount);
        if !held {
            let with = |known: &Suggestion| known.with.iter().any(|with| with.0 == *payment_id);
            self.review.suggestions.values_mut().for_each(|known| close(known, with));
        }
        let Some(known) = self.review.suggestions.get_mut(payment_id) else {
            return;
        };
        let foreign = |known: &Suggestion| owner.as_ref().is_some_and(|o| *o != known.account_id);
        close(known, |known| !held || foreign(known));
    }

    fn use_alias(&mut self, used: &AliasUse, payment_id: &PaymentId) {
        let uses = self.review.uses.entry(payment_id.clone()).or_default();
        uses.insert(used.link.clone());
        let later = self.alias(&used.link).is_some_and(|alias| alias.last_used_on < used.on);
        if later {
            self.change_alias(&used.link, used.on, |alias| alias.last_used_on = used.on);
        }
    }

    fn change_alias(&mut self, link: &PayerLink, on: NaiveDate, change: impl FnOnce(&mut Alias)) {
        let of_payer = &mut self.payer_mut(link.payer_account.clone()).learnt;
        let unknown = Alias { confirmations: 0, last_used_on: on, demoted_at: None };
        change(of_payer.entry(link.account_id.clone()).or_insert(unknown));
    }

    pub(super) fn apply_review(&mut self, effect: &ReviewEffect) -> Result<(), Stop> {
        match effect {
            ReviewEffect::Suggest(suggestions) => {
                for suggestion in suggestions {
                    let known = &mut self.review.suggestions;
                    let known = known.entry(suggestion.payment_id.clone()).or_default();
                    known.push(suggestion.clone());
                }
            }
            ReviewEffect::Resolve { payment_id, suggestion_id, status, .. } => {
                let known = self.review.suggestions.get_mut(payment_id).into_iter().flatten();
                let mut named = known.filter(|known| known.id == *suggestion_id);
                let missing = Stop::Corrupt("a suggestion that is not loaded");
                named.next().ok_or(missing)?.status = *status;
            }
            ReviewEffect::Link { used, payment_id, .. } => {
                self.change_alias(&used.link, used.on, |alias| {
                    alias.confirmations = alias.confirmations.saturating_add(1);
                    alias.demoted_at = None;
                });
                self.use_alias(used, payment_id);
            }
            ReviewEffect::Unlink { used, at, .. } => {
                self.change_alias(&used.link, used.on, |alias| {
                    alias.confirmations = 0;
                    alias.demoted_at = Some(*at);
                });
            }
        }
        Ok(())
    }
}

fn close(known: &mut [Suggestion], which: impl Fn(&Suggestion) -> bool) {
    let open = known.iter_mut().filter(|known| known.status == SuggestionStatus::Open);
    for suggestion in open.filter(|known| which(known)) {
        suggestion.status = SuggestionStatus::Superseded;
    }
}
