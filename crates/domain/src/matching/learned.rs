//! What persons said before: invoices they refused for the payment, and payers they confirmed.

use crate::account::{AliasUse, Identity, Strength};
use crate::allocation::Rule;
use crate::invoice::Invoice;
use crate::matching::decision::{MatchOutcome, NamedBy, SUGGESTIONS_MAX};
use crate::matching::step::{Matching, RuleOutcome, entry_of};
use crate::payment::ParkReason;
use crate::working_set::miss::Stop;
use crate::{invoice, review};

impl Matching<'_> {
    /// Whether a person refused this invoice, alone, for this payment.
    pub(super) fn is_rejected(&self, invoice: &Invoice) -> bool {
        let alone = [invoice.invoice_id.clone()].into_iter().collect();
        self.set.is_rejected(self.subject.payment_id, &alone)
    }

    /// What a person refused is not suggested again.
    pub(super) fn drop_rejected(&mut self, rule: Rule, outcome: &MatchOutcome) {
        let free = self.subject.free;
        let refused = |entries: &Vec<invoice::BookEntry>| {
            let invoices = entries.iter().map(|entry| entry.invoice_id.clone()).collect();
            self.set.is_rejected(self.subject.payment_id, &invoices)
        };
        let choices = review::choices(rule, outcome, &self.suggestions, free);
        let dropped: Vec<_> = choices.into_iter().filter(refused).flatten().collect();
        self.suggestions.retain(|entry| !dropped.contains(entry));
    }

    /// The alias that says whose the payment is, if nothing surer does.
    pub(super) fn alias_used(
        &self,
        outcome: &MatchOutcome,
        account: Option<&Identity>,
    ) -> Option<AliasUse> {
        let nobodys = matches!(
            outcome,
            MatchOutcome::Park(
                ParkReason::IdentityConflict
                    | ParkReason::SeveralAccounts
                    | ParkReason::InternalTransfer
                    | ParkReason::AccountClosed
            )
        );
        let used = self.payer.alias.clone().filter(|_| !nobodys)?;
        let rests = account.is_some_and(|account| {
            account.strength == Strength::Strong && account.account_id == used.link.account_id
        });
        rests.then_some(used)
    }

    /// R13: the payer's account was confirmed once, and invoices of that customer have the amount.
    pub(super) fn by_learned_payer(&mut self) -> Result<Option<RuleOutcome>, Stop> {
        let Some(weak) = self.payer.weak.clone() else {
            return Ok(None);
        };
        let mut fits = self.set.exact(&weak.account_id, self.subject.free)?;
        fits.retain(|invoice| !self.is_rejected(invoice));
        if fits.is_empty() {
            return Ok(None);
        }
        for invoice in fits.into_iter().take(SUGGESTIONS_MAX) {
            self.note(invoice, NamedBy::Payer, ParkReason::PayerOnly);
            self.suggestions.push(entry_of(invoice));
        }
        Ok(Some((Rule::PayerName, MatchOutcome::Park(ParkReason::PayerOnly))))
    }
}
