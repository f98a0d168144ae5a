//! The tiers R2 to R15, in order. Pure: reads the working set, decides, changes nothing.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::payer::payer;
use super::subset::{Rival, rival_subset};
use super::verdict::Verdict;
use crate::account::{Identity, Strength};
use crate::allocation::Rule;
use crate::ids::{AccountId, DecisionId};
use crate::invoice;
use crate::invoice::{Invoice, InvoiceStatus, number_key};
use crate::keys::WatchKey;
use crate::matching::decision::{
    AdviceFound, Candidate, Explanation, MatchDecision, MatchOutcome, NamedBy, SUGGESTIONS_MAX,
    Subject,
};
use crate::matching::policy::RuleSet;
use crate::matching::step::{Matching, Named, RuleOutcome, TextNames, entry_of};
use crate::matching::weak;
use crate::money::Money;
use crate::payment::ParkReason;
use crate::working_set::WorkingSet;
use crate::working_set::miss::Stop;

/// A note of an explanation; `payments explain` prints it as it is.
const SHARED: &str = "several customers have the payer's name, so it speaks for none of them";
/// Customers of suggestions whose next invoice has a parked payment looked at again.
const SUGGESTED_WATCHED_MAX: usize = 3;
/// Words of a text that are watched for an invoice that is not known yet.
const WATCHES_MAX: usize = 8;

/// Decides what `subject` pays.
///
/// What the working set lacks is noted there: who calls this alone asks
/// [`WorkingSet::unless_missed`] before the decision means anything.
///
/// # Errors
/// [`Stop`] when rows contradict each other; never for anything in the payment itself.
pub fn decide_match(
    set: &WorkingSet,
    rules: &RuleSet,
    subject: Subject<'_>,
    id: DecisionId,
    as_of: DateTime<Utc>,
) -> Result<MatchDecision, Stop> {
    let payer = payer(set, subject.bank);
    let mut matching = Matching {
        set,
        rules,
        subject,
        known: payer.known.clone(),
        payer,
        explanation: Explanation::default(),
        suggestions: Vec::new(),
        together: Vec::new(),
        meant: Vec::new(),
        doubtful: BTreeSet::new(),
        account: None,
        as_of,
        advice: None,
        awaited: BTreeSet::new(),
        closed: BTreeSet::new(),
    };
    let step = matching.run()?;
    let (rule, outcome) = matching.unless_another_is_named(step)?;
    let account = matching.account.clone().or_else(|| matching.known.clone());
    let watches = matching.watches(&outcome, account.as_ref());
    // Several words of a text may mean one invoice: it is one choice.
    let mut offered = BTreeSet::new();
    matching.suggestions.retain(|entry| offered.insert(entry.invoice_id.clone()));
    matching.drop_rejected(rule, &outcome);
    let alias = matching.alias_used(&outcome, account.as_ref());
    let mut explanation = matching.explanation;
    explanation.notes.extend(matching.payer.note());
    explanation.identity = account.clone().or(matching.payer.weak);
    Ok(MatchDecision {
        id,
        payment_id: subject.payment_id.clone(),
        rule,
        policy_version: rules.version(),
        free: subject.free,
        outcome,
        suggestions: matching.suggestions,
        together: matching.together,
        explanation,
        account,
        alias,
        advice: matching.advice,
        watches,
        decided_at: as_of,
    })
}

impl<'a> Matching<'a> {
    fn run(&mut self) -> Result<RuleOutcome, Stop> {
        let TextNames { mut named, doubtful, ambiguous } = self.named();
        self.set_aside_paid(&mut named);
        self.doubtful = doubtful;
        if let Some(reason) = self.gate() {
            return Ok((Rule::Gate, MatchOutcome::Park(reason)));
        }
        if let Some(step) = self.advised(&named)? {
            return Ok(step);
        }
        if let Some(step) = self.taken_off(&named) {
            return Ok(step);
        }
        let one = ambiguous.is_empty();
        let checked = named.values().any(|(by, _)| *by != NamedBy::Number);
        let step = match named.len() {
            0 if !one => self.several_alike(&ambiguous),
            0 => match self.held_residual()? {
                Some(held) => return Ok(held),
                None => return self.unnamed(),
            },
            1 if checked || one => self.one_named(&named)?,
            1 => self.park_named(Rule::InvoiceNumber, ParkReason::AmbiguousReference, &named),
            _ => self.several_named(&named)?,
        };
        Ok(self.two_person(step))
    }

    /// Gates of domain §4 that need the working set.
    fn gate(&mut self) -> Option<ParkReason> {
        let payer = self.subject.bank.debtor_account.as_deref().and_then(weak::payer_account);
        let own = weak::payer_account(self.subject.bank.bank_account.as_str());
        let internal = payer.as_ref().is_some_and(|payer| {
            self.rules.global().own_accounts.contains(payer) || Some(payer) == own.as_ref()
        });
        if internal {
            return Some(ParkReason::InternalTransfer);
        }
        let known = self.known.as_ref().map(|identity| identity.account_id.clone());
        known.filter(|known| self.is_closed(known)).map(|known| self.closed(known))
    }

    /// It waits for them to be opened again.
    pub(super) fn closed(&mut self, account_id: AccountId) -> ParkReason {
        self.closed.insert(account_id);
        ParkReason::AccountClosed
    }

    /// The text names an invoice that a person took this payment off: it is held for the customer,
    /// and a person says what becomes of it.
    pub(super) fn taken_off(&mut self, named: &Named<'a>) -> Option<RuleOutcome> {
        let (by, invoice) =
            named.values().find(|(_, invoice)| self.is_taken_off(invoice)).copied()?;
        self.note(invoice, by, Verdict::TakenOffByAPerson);
        let account_id = invoice.account_id.clone();
        self.account = Some(Identity { account_id, strength: Strength::Certain });
        Some((Rule::Gate, MatchOutcome::OnAccount))
    }

    pub(super) fn is_taken_off(&self, invoice: &Invoice) -> bool {
        let taken_off = self.set.taken_off(self.subject.payment_id);
        taken_off.is_some_and(|invoices| invoices.contains(&invoice.invoice_id))
    }

    /// Payable invoices of the account with exactly this due, but for those that a person took
    /// this payment off.
    pub(super) fn exact(&self, account: &AccountId, due: Money) -> Result<Vec<&'a Invoice>, Stop> {
        let mut found = self.set.exact(account, due)?;
        if let Some(taken_off) = self.set.taken_off(self.subject.payment_id) {
            found.retain(|invoice| !taken_off.contains(&invoice.invoice_id));
        }
        Ok(found)
    }

    pub(super) fn is_closed(&self, account_id: &AccountId) -> bool {
        let account = self.set.account(account_id);
        account.is_some_and(|account| account.closed)
    }

    pub(super) fn park_named(
        &mut self,
        rule: Rule,
        reason: ParkReason,
        named: &Named<'_>,
    ) -> RuleOutcome {
        for (by, invoice) in named.values() {
            self.note(invoice, *by, reason);
        }
        self.suggest(named.values().map(|(_, invoice)| *invoice));
        (rule, MatchOutcome::Park(reason))
    }

    /// R2, R3, R4: exactly one invoice is named.
    fn one_named(&mut self, named: &Named<'a>) -> Result<RuleOutcome, Stop> {
        let Some((by, invoice)) = named.values().next().copied() else {
            return self.by_identity();
        };
        let rule = match by {
            NamedBy::Reference => Rule::CheckedReference,
            NamedBy::EndToEnd => Rule::EndToEndId,
            NamedBy::Advice => Rule::RemittanceAdvice,
            NamedBy::Number
            | NamedBy::Near
            | NamedBy::Payer
            | NamedBy::Name
            | NamedBy::Amount
            | NamedBy::Account => Rule::InvoiceNumber,
        };
        if let Some(reason) = self.conflict(by, invoice) {
            self.note(invoice, by, reason);
            self.suggest_near_own(invoice)?;
            return Ok((rule, MatchOutcome::Park(reason)));
        }
        // In another currency nothing is decided, whatever speaks for it.
        let payable = invoice.is_payable() && self.same_currency(invoice);
        let sure = rule != Rule::InvoiceNumber || self.witnessed(invoice, named);
        if rule == Rule::InvoiceNumber && payable && !(sure && self.corroborated(invoice)?) {
            if self.others_by_digits(named)? {
                return Ok((Rule::SeveralInvoices, MatchOutcome::Park(ParkReason::Uncorroborated)));
            }
            self.note(invoice, by, ParkReason::Uncorroborated);
            self.suggest([invoice]);
            return Ok((rule, MatchOutcome::Park(ParkReason::Uncorroborated)));
        }
        if rule == Rule::InvoiceNumber
            && payable
            && (self.has_neighbour(invoice)?
                || self.mistaken(invoice)?
                || self.is_one_of_a_list(invoice, named)?)
        {
            return Ok((rule, MatchOutcome::Park(ParkReason::Uncorroborated)));
        }
        if rule != Rule::InvoiceNumber {
            let account_id = invoice.account_id.clone();
            self.account = Some(Identity { account_id, strength: Strength::Certain });
        }
        self.resolved(rule, by, invoice)
    }

    /// A reference of one customer on money that certainly, or for a plain number strongly,
    /// comes from another.
    pub(super) fn conflict(&self, by: NamedBy, invoice: &Invoice) -> Option<ParkReason> {
        let other = self.known.as_ref().filter(|known| known.account_id != invoice.account_id)?;
        let certain = other.strength == Strength::Certain;
        (certain || by == NamedBy::Number).then_some(ParkReason::IdentityConflict)
    }

    fn corroborated(&self, invoice: &Invoice) -> Result<bool, Stop> {
        let known = self.known.as_ref();
        let payer = known.is_some_and(|known| known.account_id == invoice.account_id);
        let exact = invoice.currency() == self.subject.free.currency()
            && invoice.due()? == self.subject.free;
        Ok(payer || exact)
    }

    /// Whether something names the customer that is not a doubtful number, nor the amount: the
    /// payer, the payer's name, or another invoice that the text names beyond doubt.
    pub(super) fn witnessed(&mut self, invoice: &Invoice, named: &Named<'_>) -> bool {
        if !self.doubtful.contains(&invoice.invoice_id) {
            return true;
        }
        let owner = &invoice.account_id;
        let payer = self.known.as_ref().is_some_and(|known| known.account_id == *owner);
        let beside = named
            .iter()
            .any(|(id, (_, other))| other.account_id == *owner && !self.doubtful.contains(id));
        if payer || beside {
            return true;
        }
        // A name that two customers share names neither of them.
        let named = self.is_same_name(&entry_of(invoice));
        let shared = named && self.set.shares_name(owner);
        if !named || shared {
            let doubt = self.doubt(&invoice.invoice_id);
            self.explanation.notes.extend([doubt].into_iter().chain(shared.then_some(SHARED)));
        }
        named && !shared
    }

    /// matching §4: the state of the invoice against the amount.
    pub(super) fn resolved(
        &mut self,
        rule: Rule,
        by: NamedBy,
        invoice: &'a Invoice,
    ) -> Result<RuleOutcome, Stop> {
        let park = match invoice.status {
            InvoiceStatus::Draft => Some(ParkReason::NotSent),
            InvoiceStatus::Provisioned => Some(ParkReason::AlreadyPaid),
            InvoiceStatus::Voided => Some(ParkReason::PaidAfterVoid),
            InvoiceStatus::AwaitingPayment if !self.same_currency(invoice) => {
                return self.other_currency(rule, by, invoice);
            }
            InvoiceStatus::AwaitingPayment if self.is_closed(&invoice.account_id) => {
                Some(self.closed(invoice.account_id.clone()))
            }
            InvoiceStatus::AwaitingPayment => None,
        };
        if let Some(reason) = park {
            self.note(invoice, by, reason);
            if reason == ParkReason::AlreadyPaid {
                // Perhaps meant for another of the account with the same amount.
                self.suggest(self.exact(&invoice.account_id, self.subject.free)?);
            }
            return Ok((rule, MatchOutcome::Park(reason)));
        }
        let due = invoice.due()?;
        let free = self.subject.free;
        match free.compare(due)? {
            std::cmp::Ordering::Less if self.is_charged(due)? => {
                let apply = self.applies_fee(&invoice.account_id);
                Ok(self.short_by_charges(invoice, by, apply))
            }
            std::cmp::Ordering::Less if !self.applies_partial(&invoice.account_id) => {
                self.note(invoice, by, ParkReason::PartialPayment);
                self.suggest([invoice]);
                self.add_together(&invoice.account_id, vec![entry_of(invoice)])?;
                Ok((rule, MatchOutcome::Park(ParkReason::PartialPayment)))
            }
            std::cmp::Ordering::Less | std::cmp::Ordering::Equal => {
                self.note(invoice, by, Verdict::Taken);
                Ok((rule, MatchOutcome::Allocate(vec![(invoice.invoice_id.clone(), free)])))
            }
            std::cmp::Ordering::Greater => {
                self.note(invoice, by, Verdict::Taken);
                let mut parts = vec![(invoice.invoice_id.clone(), due)];
                self.rest(invoice, free.sub(due)?, &mut parts)?;
                Ok((rule, MatchOutcome::Allocate(parts)))
            }
        }
    }

    /// R6 to R8, R11: the account is known; R14, R15: it is not.
    pub(super) fn by_identity(&mut self) -> Result<RuleOutcome, Stop> {
        let Some(known) = self.known.clone() else {
            return self.by_amount();
        };
        let free = self.subject.free;
        let mut fits = self.exact(&known.account_id, free)?;
        self.add_meant(&mut fits);
        fits.retain(|invoice| !self.is_rejected(invoice));
        self.explanation.same_amount_account = Some(fits.len());
        let meant: Vec<_> = fits.iter().copied().filter(|fit| self.is_meant(fit)).collect();
        let Some(oldest) = meant.first().or(fits.first()).copied() else {
            return self.no_single_fit(&known);
        };
        let rule = match (fits.len(), known.strength) {
            (1, Strength::Certain) => Rule::VirtualAccount,
            (1, Strength::Strong | Strength::Weak) => Rule::KnownPayer,
            (_, Strength::Certain | Strength::Strong | Strength::Weak) => Rule::EqualAmounts,
        };
        if rule == Rule::KnownPayer {
            self.record_rivals(&known)?;
        }
        if rule == Rule::EqualAmounts && (meant.len() > 1 || !self.takes_oldest(&known.account_id))
        {
            return Ok(self.choose(&fits));
        }
        if !self.sent_in_time(oldest) {
            self.note(oldest, NamedBy::Amount, ParkReason::PaidBeforeSent);
            self.suggest(fits.iter().copied());
            return Ok((rule, MatchOutcome::Park(ParkReason::PaidBeforeSent)));
        }
        for invoice in &fits {
            let taken = invoice.invoice_id == oldest.invoice_id;
            let verdict = if taken { Verdict::Taken } else { Verdict::SameAmountButLater };
            if taken || self.explanation.candidates.len() < SUGGESTIONS_MAX {
                self.note(invoice, NamedBy::Amount, verdict);
            }
        }
        let step = (rule, MatchOutcome::Allocate(vec![(oldest.invoice_id.clone(), free)]));
        Ok(self.two_person(step))
    }

    /// R7 takes the single invoice although a group of others fits too, and says so.
    fn record_rivals(&mut self, known: &Identity) -> Result<(), Stop> {
        let free = self.subject.free;
        let book = self.set.oldest(&known.account_id, free.currency())?;
        let mut dues = Vec::with_capacity(book.len());
        for open in book {
            dues.push(open.due.to_micros()?);
        }
        match rival_subset(&dues, free.to_micros()?) {
            Rival::None => {}
            Rival::Found => self.explanation.notes.push("a group of invoices fits as well"),
            Rival::Unknown => {
                self.explanation.notes.push("groups of invoices were not searched to the end");
            }
        }
        Ok(())
    }

    /// R11: held on the account; the oldest invoices are suggested.
    pub(super) fn hold(&mut self, known: &Identity) -> Result<RuleOutcome, Stop> {
        let free = self.subject.free;
        let oldest = self.set.oldest(&known.account_id, free.currency())?;
        let entries = oldest.iter().map(invoice::OpenInvoice::entry);
        self.add_together(&known.account_id, entries.collect())?;
        self.suggestions.append(&mut self.meant);
        for open in oldest.iter().take(SUGGESTIONS_MAX) {
            self.explanation.candidates.push(Candidate {
                invoice: open.entry(),
                named_by: NamedBy::Account,
                verdict: Verdict::OtherAmount,
            });
            if !self.suggestions.contains(&open.entry()) {
                self.suggestions.push(open.entry());
            }
        }
        self.suggestions.truncate(SUGGESTIONS_MAX);
        Ok((Rule::NoFittingAmount, MatchOutcome::OnAccount))
    }

    /// R14, R15: nobody is known.
    fn by_amount(&mut self) -> Result<RuleOutcome, Stop> {
        if let Some(step) = self.by_learned_payer()? {
            return Ok(step);
        }
        let entries = self.set.book(self.subject.free)?;
        self.explanation.same_amount_book = Some(entries.len());
        if let Some(step) = self.by_name(&entries) {
            return Ok(step);
        }
        let (rule, reason) = match entries.len() {
            1 => (Rule::AmountOnly, ParkReason::AmountOnly),
            _ => (Rule::NothingFound, ParkReason::NoCandidate),
        };
        for entry in entries.into_iter().take(SUGGESTIONS_MAX) {
            let verdict = if rule == Rule::AmountOnly {
                ParkReason::AmountOnly.into()
            } else {
                Verdict::AmountOfSeveral
            };
            self.explanation.candidates.push(Candidate {
                invoice: entry.clone(),
                named_by: NamedBy::Amount,
                verdict,
            });
            if rule == Rule::AmountOnly {
                self.suggestions.push(entry);
            }
        }
        Ok((rule, MatchOutcome::Park(reason)))
    }

    /// Above the limit a person confirms what would have been automatic.
    fn two_person(&mut self, step: RuleOutcome) -> RuleOutcome {
        let (rule, outcome) = step;
        let MatchOutcome::Allocate(parts) = &outcome else {
            return (rule, outcome);
        };
        let invoices: Vec<&Invoice> =
            parts.iter().filter_map(|part| self.set.invoice(&part.0)).collect();
        let receives = invoices.first().map(|invoice| &invoice.account_id);
        if !receives.is_some_and(|account| self.exceeds_auto_limit(account)) {
            return (rule, outcome);
        }
        // What was found for a rest is no part of it.
        self.suggestions.clear();
        self.suggest(invoices);
        (rule, MatchOutcome::Park(ParkReason::AboveAutoLimit))
    }

    pub(super) fn same_currency(&self, invoice: &Invoice) -> bool {
        invoice.currency() == self.subject.free.currency()
    }

    /// The funds count on or after the day on which the invoice was sent: the customer's day.
    pub(super) fn sent_in_time(&self, invoice: &Invoice) -> bool {
        let day = self.subject.bank.effective_date();
        let zone = self.set.account(&invoice.account_id).and_then(|a| a.time_zone);
        let sent_on = |sent_at: DateTime<Utc>| match zone {
            Some(zone) => sent_at.with_timezone(&zone).date_naive(),
            None => sent_at.date_naive(),
        };
        invoice.sent_at.is_some_and(|sent_at| day >= sent_on(sent_at))
    }

    pub(super) fn note(
        &mut self,
        invoice: &Invoice,
        named_by: NamedBy,
        verdict: impl Into<Verdict>,
    ) {
        self.explanation.candidates.push(Candidate {
            invoice: entry_of(invoice),
            named_by,
            verdict: verdict.into(),
        });
    }

    pub(super) fn suggest<'b>(&mut self, invoices: impl IntoIterator<Item = &'b Invoice>) {
        for invoice in invoices {
            if self.suggestions.len() < SUGGESTIONS_MAX && invoice.is_payable() {
                self.suggestions.push(entry_of(invoice));
            }
        }
    }

    /// What may settle the payment later: the invoice being sent or created, or a new invoice of
    /// the account that it is held for.
    fn watches(&self, outcome: &MatchOutcome, account: Option<&Identity>) -> Vec<WatchKey> {
        let mut keys = BTreeSet::new();
        let allocated = match outcome {
            MatchOutcome::Allocate(parts) => {
                let sum = parts
                    .iter()
                    .try_fold(Money::zero(self.subject.free.currency()), |sum, part| {
                        sum.add(part.1)
                    });
                sum.ok()
            }
            MatchOutcome::OnAccount | MatchOutcome::Park(_) => None,
        };
        if allocated == Some(self.subject.free) {
            return Vec::new();
        }
        let held = !matches!(outcome, MatchOutcome::Park(_));
        if *outcome == MatchOutcome::Park(ParkReason::AccountClosed) {
            keys.extend(self.closed.iter().map(WatchKey::reopened));
        }
        if let (true, Some(identity)) = (held, account) {
            keys.insert(WatchKey::account(&identity.account_id, self.subject.free.currency()));
        }
        if !held {
            // What is sent to them may be a better choice, and what they void is none any more.
            let suggested = self.suggestions.iter().map(|entry| &entry.account_id);
            let suggested: BTreeSet<_> = suggested.take(SUGGESTED_WATCHED_MAX).collect();
            let currency = self.subject.free.currency();
            keys.extend(suggested.into_iter().map(|id| WatchKey::account(id, currency)));
        }
        if self.advice.as_ref().is_some_and(|found| !matches!(found, AdviceFound::Over(_))) {
            keys.extend(self.awaited.iter().cloned());
            return keys.into_iter().collect();
        }
        for (reference, _) in &self.subject.tokens.references {
            keys.insert(WatchKey::reference(reference));
        }
        let named = self.named().named;
        for invoice in named.values().map(|(_, invoice)| invoice) {
            keys.insert(WatchKey::number(&number_key(&invoice.invoice_id)));
        }
        for number in self.unknown_numbers() {
            if keys.len() >= WATCHES_MAX {
                break;
            }
            keys.insert(WatchKey::number(&number.key));
        }
        keys.into_iter().collect()
    }
}
