//! The payer's name is wholly that of another customer: then a number, a payer's account or an
//! amount alone decides nothing.

use super::verdict::Verdict;
use super::{names, weak};
use crate::account::Strength;
use crate::allocation::Rule;
use crate::invoice::Invoice;
use crate::matching::decision::{MatchOutcome, NamedBy, SUGGESTIONS_MAX};
use crate::matching::step::{Matching, RuleOutcome, entry_of};
use crate::payment::ParkReason;
use crate::working_set::miss::Stop;

/// A note of an explanation; `payments explain` prints it as it is.
const ANOTHER: &str = "the payer's name is that of another customer, who owes exactly the amount";

impl<'a> Matching<'a> {
    /// Leaves to a person what would be paid for one customer, if the payer's name is that of
    /// another one who owes exactly the amount, and not of the one who would be paid.
    pub(super) fn unless_another_is_named(
        &mut self,
        step: RuleOutcome,
    ) -> Result<RuleOutcome, Stop> {
        let (rule, MatchOutcome::Allocate(parts)) = &step else { return Ok(step) };
        let set = self.set;
        let first = parts.first().and_then(|(id, _)| set.invoice(id));
        let Some(invoice) = first.filter(|invoice| self.rests_on_one_sign(*rule, invoice)) else {
            return Ok(step);
        };
        let others = self.owed_by_the_named(invoice)?;
        if others.is_empty() {
            return Ok(step);
        }
        self.explanation.notes.push(ANOTHER);
        for candidate in &mut self.explanation.candidates {
            if candidate.verdict == Verdict::Taken {
                candidate.verdict = ParkReason::IdentityConflict.into();
            }
        }
        self.suggestions.clear();
        // Both sides are shown, however many the other ones are.
        let others: Vec<_> = others.into_iter().take(SUGGESTIONS_MAX.saturating_sub(1)).collect();
        for other in &others {
            self.note(other, NamedBy::Name, ParkReason::IdentityConflict);
        }
        self.suggest(others.into_iter().chain([invoice]));
        Ok((*rule, MatchOutcome::Park(ParkReason::IdentityConflict)))
    }

    /// Whether one sign alone speaks for the customer: a number, or the payer's account.
    fn rests_on_one_sign(&self, rule: Rule, invoice: &Invoice) -> bool {
        let known = self.known.as_ref().filter(|known| known.account_id == invoice.account_id);
        let certain = known.is_some_and(|known| known.strength == Strength::Certain);
        match rule {
            Rule::InvoiceNumber | Rule::TypingMistake => known.is_none(),
            Rule::KnownPayer | Rule::EqualAmounts | Rule::GroupOfInvoices => !certain,
            Rule::Gate
            | Rule::NamedByCommand
            | Rule::ReturnUndone
            | Rule::CheckedReference
            | Rule::RemittanceAdvice
            | Rule::EndToEndId
            | Rule::SeveralInvoices
            | Rule::SeveralWithAnotherSum
            | Rule::VirtualAccount
            | Rule::BankCharges
            | Rule::NoFittingAmount
            | Rule::OtherCurrency
            | Rule::PayerName
            | Rule::AmountOnly
            | Rule::NothingFound => false,
        }
    }

    /// Invoices over the amount of other customers who have the payer's name.
    fn owed_by_the_named(&self, invoice: &Invoice) -> Result<Vec<&'a Invoice>, Stop> {
        let key = self.subject.bank.debtor_name.as_deref().and_then(payers_key);
        let own = self.set.name_of(&invoice.account_id).map(names::key);
        let Some(key) = key.filter(|key| own.as_ref() != Some(key)) else {
            return Ok(Vec::new());
        };
        let mut owed = Vec::new();
        for account in self.set.named(&key) {
            if account != invoice.account_id && !self.is_closed(&account) {
                owed.extend(self.exact(&account, self.subject.free)?);
            }
        }
        // Names are compared in full where it matters: that takes long.
        if !owed.is_empty() && self.is_same_name(&entry_of(invoice)) {
            owed.clear();
        }
        Ok(owed)
    }
}

/// The payer's name as customers' names are compared; none if it says nothing.
pub(super) fn payers_key(name: &str) -> Option<String> {
    Some(names::key(name)).filter(|key| !key.is_empty() && !weak::is_placeholder_name(name))
}
