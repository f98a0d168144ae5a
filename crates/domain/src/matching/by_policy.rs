//! What the policies say where a tier leaves a choice: shortfalls, equal amounts, rests.

use crate::account::{Identity, Strength};
use crate::allocation::Rule;
use crate::ids::{AccountId, InvoiceId};
use crate::invoice::Invoice;
use crate::matching::decision::{MatchOutcome, NamedBy, SUGGESTIONS_MAX};
use crate::matching::policy::{
    Choice as _, EqualAmountPolicy, PartialPolicy, Policy, PolicyKind, PolicyNote, ResidualPolicy,
};
use crate::matching::step::{Matching, RuleOutcome};
use crate::matching::subset::{Group, only_group};
use crate::matching::verdict::Verdict;
use crate::money::Money;
use crate::working_set::miss::Stop;

impl<'a> Matching<'a> {
    fn policy_of(&self, account: &AccountId) -> &'a Policy {
        self.rules.for_account(Some(account))
    }

    fn had_a_say(&mut self, account: &AccountId, kind: PolicyKind, value: &str) {
        let currency = self.subject.free.currency();
        let own = self.rules.overrides().get(account).is_some_and(|own| own.says(kind, currency));
        let note = PolicyNote { kind, value: value.to_owned(), own };
        if !self.explanation.policies.contains(&note) {
            self.explanation.policies.push(note);
        }
    }

    /// Whether less than the amount due is provisioned.
    pub(super) fn applies_partial(&mut self, account: &AccountId) -> bool {
        let partial = self.policy_of(account).partial;
        self.had_a_say(account, PolicyKind::Partial, partial.word());
        partial == PartialPolicy::Apply
    }

    /// R10: whether it is when no more is missing than declared charges. Who applies partial
    /// payments applies these too.
    pub(super) fn applies_fee(&mut self, account: &AccountId) -> bool {
        let policy = self.policy_of(account);
        if policy.fee == PartialPolicy::Suggest && policy.partial == PartialPolicy::Apply {
            return self.applies_partial(account);
        }
        self.had_a_say(account, PolicyKind::Fee, policy.fee.word());
        policy.fee == PartialPolicy::Apply
    }

    /// R8: whether the first of several equal invoices is taken.
    pub(super) fn takes_oldest(&mut self, account: &AccountId) -> bool {
        let equal_amount = self.policy_of(account).equal_amount;
        self.had_a_say(account, PolicyKind::EqualAmount, equal_amount.word());
        equal_amount == EqualAmountPolicy::Oldest
    }

    /// Whether a person has to confirm what would go to this customer automatically.
    pub(super) fn exceeds_auto_limit(&mut self, account: &AccountId) -> bool {
        let free = self.subject.free;
        let Some(limit) = self.policy_of(account).auto_limit(free.currency()) else {
            return false;
        };
        let exceeds = free.compare(limit).is_ok_and(std::cmp::Ordering::is_gt);
        if exceeds {
            self.had_a_say(account, PolicyKind::MaxAutoAmount, &limit.to_string());
        }
        exceeds
    }

    pub(super) fn matches_residual(&mut self, account: &AccountId) -> bool {
        let residual = self.policy_of(account).residual;
        self.had_a_say(account, PolicyKind::Residual, residual.word());
        residual == ResidualPolicy::Match
    }

    /// R8 where a person chooses: held for the customer, what the text nearly names first.
    pub(super) fn choose(&mut self, fits: &[&'a Invoice]) -> RuleOutcome {
        let (meant, others): (Vec<&Invoice>, Vec<&Invoice>) =
            fits.iter().copied().partition(|fit| self.is_meant(fit));
        self.offer_equal(meant.into_iter().chain(others));
        (Rule::EqualAmounts, MatchOutcome::OnAccount)
    }

    fn offer_equal<'b>(&mut self, fits: impl Iterator<Item = &'b Invoice>) {
        for invoice in fits.take(SUGGESTIONS_MAX) {
            self.note(invoice, NamedBy::Amount, Verdict::OneOfEqualAmounts);
            self.suggest([invoice]);
        }
    }

    /// What is left after an overpaid invoice is tried again, same customer: one invoice with this
    /// amount is paid (R6 to R8), a group is suggested (R9).
    pub(super) fn rest(
        &mut self,
        paid: &Invoice,
        rest: Money,
        parts: &mut Vec<(InvoiceId, Money)>,
    ) -> Result<(), Stop> {
        let account = &paid.account_id;
        if !self.matches_residual(account) {
            self.explanation.notes.push("the rest stays on the payment");
            return Ok(());
        }
        let mut fits = self.exact(account, rest)?;
        fits.retain(|invoice| invoice.invoice_id != paid.invoice_id && self.sent_in_time(invoice));
        fits.retain(|invoice| !self.is_rejected(invoice));
        let Some(oldest) = fits.first().copied() else {
            self.explanation.notes.push("the rest stays on the payment");
            return self.offer_for_rest(account, std::slice::from_ref(&paid.invoice_id), rest);
        };
        if fits.len() > 1 && !self.takes_oldest(account) {
            self.offer_equal(fits.into_iter());
            self.explanation.notes.push("the rest stays on the payment");
            return Ok(());
        }
        self.note(oldest, NamedBy::Amount, Verdict::Taken);
        self.explanation.notes.push("the rest fitted another invoice of the same customer");
        parts.push((oldest.invoice_id.clone(), rest));
        Ok(())
    }

    /// What a person may put the rest on: the only group that it pays exactly, else the next
    /// invoices, those with exactly its amount first.
    pub(super) fn offer_for_rest(
        &mut self,
        account: &AccountId,
        paid: &[InvoiceId],
        rest: Money,
    ) -> Result<(), Stop> {
        let mut book = self.set.oldest(account, rest.currency())?;
        book.retain(|open| !paid.contains(&open.invoice_id));
        let mut dues = Vec::with_capacity(book.len());
        for open in &book {
            dues.push(open.due.to_micros()?);
        }
        if let Group::Only(places) = only_group(&dues, rest.to_micros()?) {
            for open in places.iter().filter_map(|place| book.get(*place)) {
                self.push_candidate(&open.entry(), NamedBy::Amount, Verdict::OneOfTheGroup);
                self.suggestions.push(open.entry());
            }
            return Ok(());
        }
        book.sort_by_key(|open| open.due != rest);
        for open in book.iter().take(SUGGESTIONS_MAX) {
            self.push_candidate(&open.entry(), NamedBy::Account, Verdict::NextForTheRest);
            self.suggestions.push(open.entry());
        }
        Ok(())
    }

    /// What is left of a payment that pays something already, where it names nothing else and is
    /// not to be tried again.
    pub(super) fn held_residual(&mut self) -> Result<Option<RuleOutcome>, Stop> {
        let payment = self.set.payment(self.subject.payment_id);
        let paying = payment.filter(|payment| payment.allocated.is_positive());
        let Some(account_id) = paying.and_then(|payment| payment.account_id.clone()) else {
            return Ok(None);
        };
        if self.policy_of(&account_id).residual == ResidualPolicy::Match {
            return Ok(None);
        }
        self.had_a_say(&account_id, PolicyKind::Residual, ResidualPolicy::Hold.word());
        self.hold(&Identity { account_id, strength: Strength::Certain }).map(Some)
    }
}
