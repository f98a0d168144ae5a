//! R2a: a remittance advice says what the payment is for. It names invoices as a checked reference
//! does, and so much of the payment for each of them; what contradicts it goes to a person.

use std::collections::{BTreeMap, BTreeSet};

use super::verdict::Verdict;
use crate::account::{Identity, Strength};
use crate::advice::{Advice, AdviceLine, AdviceState, LineName};
use crate::allocation::Rule;
use crate::ids::{AccountId, InvoiceId};
use crate::invoice::{BookEntry, Invoice, InvoiceStatus, number_key};
use crate::keys::WatchKey;
use crate::matching::decision::{AdviceFound, MatchOutcome, NamedBy};
use crate::matching::fold;
use crate::matching::step::{Matching, Named, RuleOutcome};
use crate::money::Money;
use crate::payment::ParkReason;
use crate::working_set::WorkingSet;
use crate::working_set::miss::Stop;

/// Notes of an explanation; `payments explain` prints them as they are.
const LATE: &str = "the remittance advice came after the money";
const BEFORE: &str = "the remittance advice was there before the money";
const UNKNOWN: &str = "the remittance advice names an invoice that is not known yet";
const BESIDE: &str = "several remittance advices fit, and the payment's own reference counts";
const REST: &str = "the remittance advice says what the rest is for";
const ALIKE: &str = "a line of the remittance advice fits several invoices";
const ABOVE: &str = "a line of the remittance advice is more than is due; the rest is kept";

/// What the lines of an advice name.
#[derive(Default)]
struct Lines<'a> {
    named: Named<'a>,
    amounts: BTreeMap<InvoiceId, Money>,
    /// Invoices of which a line names one, and does not say which.
    alike: BTreeSet<InvoiceId>,
    /// What is awaited for lines whose invoice is not known.
    unknown: BTreeSet<WatchKey>,
}

impl<'a> Matching<'a> {
    /// None if no advice is about the payment, or no more.
    pub(super) fn advised(&mut self, text: &Named<'a>) -> Result<Option<RuleOutcome>, Stop> {
        // It speaks of the whole payment.
        if self.subject.free != self.subject.bank.amount {
            return self.advised_rest();
        }
        let set = self.set;
        let bound = set.advice_of(self.subject.payment_id);
        let fitting = set.advices_fitting(self.subject.bank, self.as_of);
        let mut all: Vec<&'a Advice> = bound.into_iter().chain(fitting).collect();
        only_the_first_of_the_same(&mut all);
        self.explanation.advices = all.iter().map(|advice| advice.told.key.clone()).collect();
        match all.as_slice() {
            [] => Ok(None),
            [one] if one.state != AdviceState::Ambiguous => self.by_advice(one, text),
            // What the payment itself says is no question of advices.
            _ if text.values().any(|(by, _)| *by != NamedBy::Number) => {
                self.explanation.notes.push(BESIDE);
                Ok(None)
            }
            several => self.several_advices(several).map(Some),
        }
    }

    /// The payment pays some of what its advice names, and has a rest: what else the advice names
    /// is what the rest is for. A person takes it.
    fn advised_rest(&mut self) -> Result<Option<RuleOutcome>, Stop> {
        let set = self.set;
        let bound = set.advice_of(self.subject.payment_id);
        let fitting = set.advices_fitting(self.subject.bank, self.as_of);
        let all: Vec<&'a Advice> = bound.into_iter().chain(fitting).collect();
        let [advice] = all.as_slice() else { return Ok(None) };
        if advice.state == AdviceState::Ambiguous {
            return Ok(None);
        }
        let mut lines = self.lines_of(advice)?;
        let before = lines.named.len();
        let payment_id = self.subject.payment_id;
        let pays = |id: &InvoiceId| set.pays(payment_id, id);
        let owner = lines.named.iter().find(|(id, _)| pays(id));
        let owner = owner.map(|(_, (_, invoice))| invoice.account_id.clone());
        lines.named.retain(|id, _| !pays(id));
        let open = |(_, invoice): &(NamedBy, &Invoice)| {
            let taken_off = self.is_taken_off(invoice);
            Some(&invoice.account_id) == owner.as_ref()
                && invoice.is_payable()
                && self.same_currency(invoice)
                && !taken_off
        };
        let clear = lines.unknown.is_empty() && lines.alike.is_empty();
        let some = lines.named.len() < before && !lines.named.is_empty();
        let (Some(account_id), true) = (owner.clone(), some && clear) else { return Ok(None) };
        if !lines.named.values().all(open) {
            return Ok(None);
        }
        self.explanation.advices = vec![advice.told.key.clone()];
        self.explanation.notes.push(REST);
        self.advice = Some(AdviceFound::One(advice.told.key.clone()));
        self.account = Some(Identity { account_id, strength: Strength::Certain });
        self.offer(&lines, Verdict::RestIsForIt);
        Ok(Some((Rule::RemittanceAdvice, MatchOutcome::OnAccount)))
    }

    /// A person says which of them it is, if any: what they name is shown.
    fn several_advices(&mut self, advices: &[&'a Advice]) -> Result<RuleOutcome, Stop> {
        let reason = ParkReason::AdviceAmbiguous;
        for advice in advices {
            let lines = self.lines_of(advice)?;
            self.offer(&lines, reason);
        }
        let keys = advices.iter().map(|advice| advice.told.key.clone()).collect();
        self.advice = Some(AdviceFound::Ambiguous(keys));
        Ok((Rule::RemittanceAdvice, MatchOutcome::Park(reason)))
    }

    fn by_advice(
        &mut self,
        advice: &'a Advice,
        text: &Named<'a>,
    ) -> Result<Option<RuleOutcome>, Stop> {
        let lines = self.lines_of(advice)?;
        let open = |(_, invoice): &(NamedBy, &Invoice)| {
            matches!(invoice.status, InvoiceStatus::AwaitingPayment | InvoiceStatus::Draft)
        };
        let spent = lines.unknown.is_empty() && !lines.named.values().any(open);
        let beside =
            text.keys().any(|id| !self.doubtful.contains(id) && !lines.named.contains_key(id));
        if spent && beside && lines.alike.is_empty() {
            // What it was for is paid by now; the payment says itself what it is for.
            self.explanation.advices.clear();
            let bound = self.set.advice_of(self.subject.payment_id).is_some();
            self.advice = (!bound).then(|| AdviceFound::Over(advice.told.key.clone()));
            return Ok(None);
        }
        let payment = self.set.payment(self.subject.payment_id);
        let late = payment.is_some_and(|payment| payment.recorded_at <= advice.received_at);
        self.explanation.notes.push(if late { LATE } else { BEFORE });
        self.advice = Some(AdviceFound::One(advice.told.key.clone()));
        if let Some(reason) = self.contradicted(&lines, beside) {
            self.offer(&lines, reason);
            if reason == ParkReason::IdentityConflict {
                // A person sees what it names; it is no choice.
                self.suggestions.clear();
            }
            for (by, invoice) in text.values().filter(|_| beside) {
                self.note(invoice, *by, reason);
                self.suggest([*invoice]);
            }
            return Ok(Some((Rule::RemittanceAdvice, MatchOutcome::Park(reason))));
        }
        if let Some(step) = self.taken_off(&lines.named) {
            return Ok(Some(step));
        }
        if let Some((_, invoice)) = lines.named.values().next() {
            let account_id = invoice.account_id.clone();
            self.account = Some(Identity { account_id, strength: Strength::Certain });
        }
        if let Some(reason) = self.unpayable(&lines) {
            self.offer(&lines, reason);
            return Ok(Some((Rule::RemittanceAdvice, MatchOutcome::Park(reason))));
        }
        self.pay(&lines).map(Some)
    }

    /// Whether it speaks of several customers, of another than the payer, or against the text.
    fn contradicted(&mut self, lines: &Lines<'a>, beside: bool) -> Option<ParkReason> {
        let owners: BTreeSet<&AccountId> =
            lines.named.values().map(|(_, invoice)| &invoice.account_id).collect();
        if owners.len() > 1 {
            return Some(ParkReason::SeveralAccounts);
        }
        let payer = self.known.as_ref().map(|known| &known.account_id);
        if payer.is_some_and(|payer| owners.iter().any(|owner| *owner != payer)) {
            return Some(ParkReason::IdentityConflict);
        }
        if beside {
            return Some(ParkReason::AdviceMismatch);
        }
        if !lines.alike.is_empty() {
            self.explanation.notes.push(ALIKE);
            return Some(ParkReason::AmbiguousReference);
        }
        None
    }

    /// Why one of its invoices cannot be paid: what may still settle by itself first.
    fn unpayable(&mut self, lines: &Lines<'a>) -> Option<ParkReason> {
        let invoices = || lines.named.values().map(|(_, invoice)| *invoice);
        let any = |status| invoices().any(|invoice| invoice.status == status);
        let closed = invoices().map(|invoice| &invoice.account_id);
        let closed: BTreeSet<_> = closed.filter(|owner| self.is_closed(owner)).cloned().collect();
        if !closed.is_empty() {
            self.closed = closed;
            return Some(ParkReason::AccountClosed);
        }
        if !lines.unknown.is_empty() || any(InvoiceStatus::Draft) {
            if !lines.unknown.is_empty() {
                self.explanation.notes.push(UNKNOWN);
            }
            self.awaited.clone_from(&lines.unknown);
            let drafts = invoices().filter(|invoice| invoice.status == InvoiceStatus::Draft);
            let keys = drafts.map(|invoice| WatchKey::number(&number_key(&invoice.invoice_id)));
            self.awaited.extend(keys);
            return Some(ParkReason::NotSent);
        }
        if any(InvoiceStatus::Provisioned) {
            return Some(ParkReason::AlreadyPaid);
        }
        if any(InvoiceStatus::Voided) {
            return Some(ParkReason::PaidAfterVoid);
        }
        let foreign = invoices().any(|invoice| !self.same_currency(invoice));
        foreign.then_some(ParkReason::CurrencyMismatch)
    }

    /// Each invoice gets what its lines say, and no more than is due.
    fn pay(&mut self, lines: &Lines<'a>) -> Result<RuleOutcome, Stop> {
        let mut invoices: Vec<&'a Invoice> = lines.named.values().map(|named| named.1).collect();
        invoices.sort_by_key(|invoice| invoice.order());
        let mut parts = Vec::with_capacity(invoices.len());
        let mut above = false;
        for invoice in &invoices {
            let Some(told) = lines.amounts.get(&invoice.invoice_id) else { continue };
            let due = invoice.due()?;
            above |= told.compare(due)?.is_gt();
            parts.push((invoice.invoice_id.clone(), told.min(due)?));
        }
        if above {
            self.explanation.notes.push(ABOVE);
        }
        let owner = invoices.first().map(|invoice| invoice.account_id.clone());
        if owner.is_some_and(|owner| self.exceeds_auto_limit(&owner)) {
            let reason = ParkReason::AboveAutoLimit;
            self.offer(lines, reason);
            return Ok((Rule::RemittanceAdvice, MatchOutcome::Park(reason)));
        }
        for invoice in invoices {
            self.note(invoice, NamedBy::Advice, Verdict::Taken);
        }
        Ok((Rule::RemittanceAdvice, MatchOutcome::Allocate(parts)))
    }

    /// A person may choose what it says: each invoice with its line's amount.
    fn offer(&mut self, lines: &Lines<'a>, verdict: impl Into<Verdict>) {
        let verdict = verdict.into();
        for (by, invoice) in lines.named.values() {
            self.note(invoice, *by, verdict);
            let Some(told) = lines.amounts.get(&invoice.invoice_id) else { continue };
            let due = invoice.due().and_then(|due| told.min(due));
            if let (true, Ok(amount_due)) = (invoice.is_payable(), due) {
                let (invoice_id, account_id) =
                    (invoice.invoice_id.clone(), invoice.account_id.clone());
                let entry = BookEntry { invoice_id, account_id, amount_due };
                if !self.suggestions.contains(&entry) {
                    self.suggestions.push(entry);
                }
            }
        }
    }

    fn lines_of(&self, advice: &'a Advice) -> Result<Lines<'a>, Stop> {
        let mut lines = Lines::default();
        for line in &advice.told.lines {
            let ids = named_by_line(self.set, line);
            match ids.as_slice() {
                [] => {
                    lines.unknown.insert(WatchKey::number(&line.name.number_key()));
                    lines
                        .unknown
                        .extend(line.name.reference_key().map(|key| WatchKey::reference(&key)));
                }
                [id] => {
                    let Some(invoice) = self.set.invoice(id) else { continue };
                    lines.named.insert((*id).clone(), (NamedBy::Advice, invoice));
                    let sum = match lines.amounts.get(*id) {
                        Some(sum) => sum.add(line.amount)?,
                        None => line.amount,
                    };
                    lines.amounts.insert((*id).clone(), sum);
                }
                several => lines.alike.extend(several.iter().map(|id| (*id).clone())),
            }
        }
        Ok(lines)
    }
}

/// Advices that all say the same, and wait for a payment each: the first is for this one.
fn only_the_first_of_the_same(all: &mut Vec<&Advice>) {
    let [first, others @ ..] = all.as_slice() else { return };
    let open = all.iter().all(|advice| advice.state == AdviceState::Open);
    let words = first.told.words();
    if !others.is_empty() && open && others.iter().all(|other| other.told.words() == words) {
        all.sort_by_key(|advice| (advice.received_at, advice.told.key.clone()));
        all.truncate(1);
    }
}

/// The invoice itself; else the one whose reference it is; else those whose number it is.
pub(crate) fn named_by_line<'a>(set: &'a WorkingSet, line: &AdviceLine) -> Vec<&'a InvoiceId> {
    match &line.name {
        LineName::Invoice(id) => {
            set.invoice(id).map(|invoice| &invoice.invoice_id).into_iter().collect()
        }
        LineName::Reference(text) => {
            let key = line.name.reference_key();
            if let Some(id) = key.and_then(|key| set.referenced(&key)) {
                return vec![id];
            }
            let alike = set.numbered(&line.name.number_key());
            let alike: Vec<&'a InvoiceId> = alike.into_iter().flatten().collect();
            let word = fold::normalise(text);
            let exact = alike.iter().find(|id| number_key(id) == word).copied();
            exact.map_or(alike, |id| vec![id])
        }
    }
}
