//! The part of the working set that review reads: suggestions, refusals, learnt payers.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use foldhash::HashMap;

use super::WorkingSet;
use super::known::Known;
use crate::account::{Alias, AliasUse, PayerLink};
use crate::ids::{InvoiceId, PaymentId, SuggestionId};
use crate::matching::decision::MatchDecision;
use crate::matching::weak;
use crate::payment::PaymentState;
use crate::review::{ReviewEffect, Suggestion, SuggestionStatus};
use crate::want::Want;
use crate::working_set::miss::Stop;

/// What persons may choose for payments, what they said, and what that taught.
#[derive(Debug, Clone, Default)]
pub struct ReviewSet {
    /// Whoever asks for a payment's gets those of others too that it is part of.
    pub(super) suggestions: Known<PaymentId, Vec<Suggestion>>,
    pub(super) taught: Known<PaymentId, Taught>,
}

/// What a bank payment taught.
#[derive(Debug, Clone, Default)]
pub struct Taught {
    /// Its payer's account, normalised, where that is not ours.
    pub payer: Option<String>,
    /// The links that decisions and confirmations of it rested on or made.
    pub links: BTreeSet<PayerLink>,
}

impl ReviewSet {
    /// A suggestion that was read, unless it is here: that stays.
    pub fn know_suggestion(&mut self, suggestion: Suggestion) {
        let known = self.suggestions.here_mut().entry(suggestion.payment_id.clone()).or_default();
        if !known.iter().any(|known| known.id == suggestion.id) {
            known.push(suggestion);
        }
    }

    /// For whoever loads it: what a payment taught.
    pub fn taught_mut(&mut self, payment_id: PaymentId) -> &mut Taught {
        self.taught.here_mut().entry(payment_id).or_default()
    }
}

impl WorkingSet {
    pub fn suggestion(&self, payment_id: &PaymentId, id: &SuggestionId) -> Option<&Suggestion> {
        self.suggested(payment_id).iter().find(|known| known.id == *id)
    }

    /// All that was ever suggested for the payment.
    pub fn suggested(&self, payment_id: &PaymentId) -> &[Suggestion] {
        let known = self.of_payment(&self.review.suggestions, payment_id, Want::Suggested);
        known.map_or(&[], Vec::as_slice)
    }

    /// The suggestions that are here: for whoever writes or compares them.
    pub fn suggestions_here(&self) -> &HashMap<PaymentId, Vec<Suggestion>> {
        self.review.suggestions.here()
    }

    /// Whether a person refused exactly these invoices for this payment.
    pub fn is_rejected(&self, payment_id: &PaymentId, invoices: &BTreeSet<InvoiceId>) -> bool {
        let known = self.suggested(payment_id).iter();
        let mut refused = known.filter(|known| known.status == SuggestionStatus::Rejected);
        refused.any(|known| known.with.is_empty() && known.invoices() == *invoices)
    }

    /// Whether a person refused that the payment and others are the invoice together: whichever of
    /// them it was suggested for.
    pub fn is_refused_together<'a>(
        &self,
        payment_id: &'a PaymentId,
        others: impl Iterator<Item = &'a PaymentId>,
        invoice_id: &InvoiceId,
    ) -> bool {
        self.suggested(payment_id);
        let payments: BTreeSet<PaymentId> = others.chain([payment_id]).cloned().collect();
        let known = self.review.suggestions.here().values().flatten();
        let mut refused = known.filter(|known| known.status == SuggestionStatus::Rejected);
        refused.any(|known| {
            let invoice = known.parts.iter().any(|part| part.0 == *invoice_id);
            !known.with.is_empty() && invoice && known.payments() == payments
        })
    }

    /// The account that a bank payment came from, if it is no account of ours.
    pub fn payer_of(&self, payment_id: &PaymentId) -> Option<String> {
        let taught = self.taught(payment_id);
        if let Some(payer) = taught.and_then(|taught| taught.payer.as_ref()) {
            return Some(payer.clone());
        }
        let bank = &self.watched.here().get(payment_id)?.transaction;
        let own = weak::payer_account(bank.bank_account.as_str());
        let payer = bank.debtor_account.as_deref().and_then(weak::payer_account)?;
        (Some(&payer) != own.as_ref()).then_some(payer)
    }

    /// The links that decisions and confirmations of the payment rested on or made.
    pub fn links_of(&self, payment_id: &PaymentId) -> Option<&BTreeSet<PayerLink>> {
        self.taught(payment_id).map(|taught| &taught.links)
    }

    fn taught(&self, payment_id: &PaymentId) -> Option<&Taught> {
        self.of_payment(&self.review.taught, payment_id, Want::Taught)
    }

    pub fn alias(&self, link: &PayerLink) -> Option<&Alias> {
        self.customers(&link.payer_account)?.learnt.get(&link.account_id)
    }

    /// A newer decision takes the place of what an older one suggested.
    pub(super) fn note_decision(&mut self, decision: &MatchDecision) {
        if let Some(known) = self.review.suggestions.here_mut().get_mut(&decision.payment_id) {
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
            self.review.suggestions.here_mut().values_mut().for_each(|known| close(known, with));
        }
        let Some(known) = self.review.suggestions.here_mut().get_mut(payment_id) else {
            return;
        };
        let foreign = |known: &Suggestion| owner.as_ref().is_some_and(|o| *o != known.account_id);
        close(known, |known| !held || foreign(known));
    }

    fn use_alias(&mut self, used: &AliasUse, payment_id: &PaymentId) {
        self.review.taught_mut(payment_id.clone()).links.insert(used.link.clone());
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
                    self.review.know_suggestion(suggestion.clone());
                }
            }
            ReviewEffect::Resolve { payment_id, suggestion_id, status, .. } => {
                let known =
                    self.review.suggestions.here_mut().get_mut(payment_id).into_iter().flatten();
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
