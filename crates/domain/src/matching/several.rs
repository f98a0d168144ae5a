//! Several invoices are named (R5, R5b): of one customer they are paid together or as far as the
//! money goes; of several customers a person decides.

use std::collections::BTreeSet;

use super::verdict::Verdict;
use crate::account::{Identity, Strength};
use crate::allocation::Rule;
use crate::ids::InvoiceId;
use crate::invoice::{Invoice, InvoiceStatus};
use crate::matching::decision::{MatchOutcome, NamedBy};
use crate::matching::step::{Matching, Named, RuleOutcome, entry_of};
use crate::money::Money;
use crate::payment::ParkReason;
use crate::working_set::miss::Stop;

/// The most invoices that one payment's references are allocated to.
const NAMED_MAX: usize = 20;

impl<'a> Matching<'a> {
    /// R5: several invoices are named.
    pub(super) fn several_named(&mut self, named: &Named<'a>) -> Result<RuleOutcome, Stop> {
        let accounts: BTreeSet<_> = named.values().map(|(_, i)| &i.account_id).collect();
        if accounts.len() > 1 {
            return self.several_customers(named);
        }
        let conflict = named.values().find_map(|(by, invoice)| self.conflict(*by, invoice));
        if let Some(reason) = conflict {
            return Ok(self.park_named(Rule::SeveralInvoices, reason, named));
        }
        let mut invoices = named.values().map(|(_, invoice)| *invoice);
        if !invoices.all(|invoice| self.witnessed(invoice, named)) {
            if named.len() <= NAMED_MAX && self.others_by_digits(named)? {
                return Ok((Rule::SeveralInvoices, MatchOutcome::Park(ParkReason::Uncorroborated)));
            }
            return Ok(self.park_named(Rule::SeveralInvoices, ParkReason::Uncorroborated, named));
        }
        if named.len() > NAMED_MAX {
            return self.many(named);
        }
        let Some(first) = named.values().next().map(|(_, invoice)| *invoice) else {
            return self.by_identity();
        };
        let checked = named.values().any(|(by, _)| *by != NamedBy::Number);
        if checked {
            let account_id = first.account_id.clone();
            self.account = Some(Identity { account_id, strength: Strength::Certain });
        }
        let payable = self.payable_of(named);
        if payable.is_empty() || self.is_closed(&first.account_id) {
            return self.none_payable(named);
        }
        let parts = self.fill(&payable)?;
        let allocated = self.sum(parts.iter().map(|part| part.1))?;
        if parts.len() == payable.len() && allocated == self.subject.free {
            return Ok(self.take(Rule::SeveralInvoices, named, parts));
        }
        if self.others_by_digits(named)? {
            return Ok((Rule::SeveralInvoices, MatchOutcome::Park(ParkReason::SumMismatch)));
        }
        if payable.len() != named.len() {
            return Ok(self.park_named(Rule::SeveralInvoices, ParkReason::SumMismatch, named));
        }
        let sure = checked || self.known.is_some();
        if sure && !parts.is_empty() {
            self.explanation.notes.push("the invoices named add up to another amount");
            let rest = self.subject.free.sub(allocated)?;
            let paid: Vec<InvoiceId> = parts.iter().map(|part| part.0.clone()).collect();
            let step = self.take(Rule::SeveralWithAnotherSum, named, parts);
            if rest.is_positive() && self.matches_residual(&first.account_id) {
                self.offer_for_rest(&first.account_id, &paid, rest)?;
            }
            return Ok(step);
        }
        self.suggest_split(named, &payable)?;
        Ok((Rule::SeveralWithAnotherSum, MatchOutcome::Park(ParkReason::SumMismatch)))
    }

    /// More than a payment pays by itself. If they add up they are one choice: all of them.
    fn many(&mut self, named: &Named<'a>) -> Result<RuleOutcome, Stop> {
        let payable = self.payable_of(named);
        let due = payable.iter().map(|invoice| invoice.due()).collect::<Result<Vec<_>, _>>()?;
        if payable.len() != named.len() || self.sum(due)? != self.subject.free {
            return Ok(self.park_named(
                Rule::SeveralInvoices,
                ParkReason::AmbiguousReference,
                named,
            ));
        }
        self.explanation.notes.push("the invoices add up to exactly the amount");
        for invoice in payable {
            let by = named.get(&invoice.invoice_id).map_or(NamedBy::Number, |(by, _)| *by);
            self.note(invoice, by, Verdict::WouldBePaid);
            self.suggestions.push(entry_of(invoice));
        }
        Ok((Rule::SeveralInvoices, MatchOutcome::Park(ParkReason::AmbiguousReference)))
    }

    fn take(
        &mut self,
        rule: Rule,
        named: &Named<'a>,
        parts: Vec<(InvoiceId, Money)>,
    ) -> RuleOutcome {
        for (by, invoice) in named.values() {
            let taken = parts.iter().any(|part| part.0 == invoice.invoice_id);
            self.note(invoice, *by, if taken { Verdict::Taken } else { Verdict::NotEnoughLeft });
        }
        (rule, MatchOutcome::Allocate(parts))
    }

    /// The invoices of several customers: never automatic. If each is named by a reference with
    /// valid check digits and together they are exactly the amount, the split is plain to see.
    fn several_customers(&mut self, named: &Named<'a>) -> Result<RuleOutcome, Stop> {
        let payable = self.payable_of(named);
        let due = payable.iter().map(|invoice| invoice.due()).collect::<Result<Vec<_>, _>>()?;
        let exact = payable.len() == named.len() && self.sum(due)? == self.subject.free;
        let checked = named.values().all(|(by, _)| *by != NamedBy::Number);
        let open = named.values().all(|(_, invoice)| !self.is_closed(&invoice.account_id));
        if exact && checked && open {
            self.explanation.notes.push("the invoices add up to exactly the amount");
            self.suggest_split(named, &payable)?;
            return Ok((Rule::SeveralInvoices, MatchOutcome::Park(ParkReason::SeveralAccounts)));
        }
        Ok(self.park_named(Rule::SeveralInvoices, ParkReason::SeveralAccounts, named))
    }

    /// What a person may do with the money: each invoice in full in the declared order, the last
    /// as far as it goes.
    fn suggest_split(&mut self, named: &Named<'a>, payable: &[&Invoice]) -> Result<(), Stop> {
        let mut left = self.subject.free;
        for invoice in payable {
            let due = invoice.due()?;
            let verdict = match (left.is_zero(), due.compare(left)?.is_le()) {
                (true, _) => Verdict::NotEnoughLeft,
                (false, true) => Verdict::WouldBePaid,
                (false, false) => Verdict::WouldBePaidInPart,
            };
            left = if due.compare(left)?.is_le() {
                left.sub(due)?
            } else {
                Money::zero(left.currency())
            };
            let by = named.get(&invoice.invoice_id).map_or(NamedBy::Number, |(by, _)| *by);
            self.note(invoice, by, verdict);
        }
        self.suggest(payable.iter().copied());
        Ok(())
    }

    /// In the declared order.
    fn payable_of(&self, named: &Named<'a>) -> Vec<&'a Invoice> {
        let invoices = named.values().map(|(_, invoice)| *invoice);
        let mut payable: Vec<&Invoice> = invoices
            .filter(|invoice| invoice.is_payable() && self.same_currency(invoice))
            .collect();
        payable.sort_by_key(|invoice| invoice.order());
        payable
    }

    fn sum(&self, amounts: impl IntoIterator<Item = Money>) -> Result<Money, Stop> {
        let zero = Money::zero(self.subject.free.currency());
        Ok(amounts.into_iter().try_fold(zero, |sum, amount| sum.add(amount))?)
    }

    /// In the declared order, in full, as far as the money goes.
    fn fill(&self, payable: &[&Invoice]) -> Result<Vec<(InvoiceId, Money)>, Stop> {
        let mut left = self.subject.free;
        let mut parts = Vec::new();
        for invoice in payable {
            let due = invoice.due()?;
            if due.compare(left)?.is_le() {
                left = left.sub(due)?;
                parts.push((invoice.invoice_id.clone(), due));
            }
        }
        Ok(parts)
    }

    fn none_payable(&mut self, named: &Named<'a>) -> Result<RuleOutcome, Stop> {
        // Draft before paid before voided: the reason that may still settle by itself first.
        let order = |invoice: &Invoice| match invoice.status {
            InvoiceStatus::Draft => 0,
            InvoiceStatus::AwaitingPayment => 1,
            InvoiceStatus::Provisioned => 2,
            InvoiceStatus::Voided => 3,
        };
        let best = named.values().min_by_key(|(_, invoice)| order(invoice)).copied();
        match best {
            Some((by, invoice)) => self.resolved(Rule::SeveralInvoices, by, invoice),
            None => self.by_identity(),
        }
    }
}
