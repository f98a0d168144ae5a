//! What speaks for an invoice without proving it: words with one mistake (R4b), groups (R9),
//! declared charges (R10), names (R13). It suggests, and it keeps R4 from deciding.

use std::collections::{BTreeMap, BTreeSet};

use super::near::Word;
use super::subset::{Group, only_group};
use super::verdict::Verdict;
use super::{fold, names, weak};
use crate::account::{Identity, Strength};
use crate::allocation::Rule;
use crate::ids::AccountId;
use crate::invoice::{BookEntry, Invoice, folded_key, number_key};
use crate::matching::decision::{Candidate, MatchOutcome, NamedBy, SUGGESTIONS_MAX};
use crate::matching::step::{Matching, Named, RuleOutcome, entry_of};
use crate::money::Money;
use crate::payment::ParkReason;
use crate::working_set::miss::Stop;

/// What a text that names no invoice nearly says.
#[derive(Default)]
struct Near {
    references: Vec<BookEntry>,
    numbers: Vec<BookEntry>,
    /// Found by their digits alone.
    bare: Vec<BookEntry>,
}

impl<'a> Matching<'a> {
    /// No invoice is named. A mistyped word says which of the known customer's invoices is meant; a
    /// mistyped reference of another customer keeps the amount from deciding.
    pub(super) fn unnamed(&mut self) -> Result<RuleOutcome, Stop> {
        let Near { references, mut numbers, bare } = self.mistyped()?;
        let Some(known) = self.known.clone() else {
            let free = self.subject.free;
            let bare_exact = bare.iter().filter(|entry| entry.amount_due == free).cloned();
            numbers.extend(bare_exact);
            let entries = if references.is_empty() { numbers } else { references };
            if entries.is_empty() {
                let group = (Rule::SeveralInvoices, MatchOutcome::Park(ParkReason::Uncorroborated));
                return match self.bare_group(&bare)? {
                    true => Ok(group),
                    false => self.by_amount_or_digits(&bare),
                };
            }
            self.push_near(entries);
            self.mark_bare(&bare);
            return Ok((Rule::TypingMistake, MatchOutcome::Park(ParkReason::NearReference)));
        };
        let (mut own, foreign): (Vec<_>, Vec<_>) =
            references.into_iter().partition(|entry| entry.account_id == known.account_id);
        if own.is_empty() && !foreign.is_empty() && known.strength != Strength::Certain {
            self.push_near(foreign);
            return Ok((Rule::TypingMistake, MatchOutcome::Park(ParkReason::IdentityConflict)));
        }
        numbers.extend(bare.iter().cloned());
        own.extend(numbers.into_iter().filter(|entry| entry.account_id == known.account_id));
        let free = self.subject.free;
        if !own.iter().any(|entry| entry.amount_due == free) {
            let mut bare = bare;
            bare.retain(|entry| entry.account_id == known.account_id);
            if self.bare_group(&bare)? {
                return Ok((Rule::GroupOfInvoices, MatchOutcome::OnAccount));
            }
        }
        let currency = self.subject.free.currency();
        self.meant = own.into_iter().filter(|e| e.amount_due.currency() == currency).collect();
        self.by_identity()
    }

    /// Nobody is known and no amount tells: what the text says of an invoice's number is all that
    /// there is. It is suggested, whatever the amount.
    fn by_amount_or_digits(&mut self, bare: &[BookEntry]) -> Result<RuleOutcome, Stop> {
        let step = self.by_identity()?;
        if step.0 != Rule::NothingFound || bare.is_empty() {
            return Ok(step);
        }
        let said = super::text::said_digits(self.subject.bank);
        let currency = self.subject.free.currency();
        let is_said = |entry: &&BookEntry| {
            let key = folded_key(&entry.invoice_id);
            entry.amount_due.currency() == currency && said.contains(fold::digits(&key))
        };
        let entries: Vec<BookEntry> = bare.iter().filter(is_said).cloned().collect();
        if entries.is_empty() {
            return Ok(step);
        }
        self.push_near(entries);
        self.mark_bare(bare);
        Ok((Rule::TypingMistake, MatchOutcome::Park(ParkReason::NearReference)))
    }

    /// Invoices one mistake away from words like references; and from words like numbers those of
    /// the known customer, or of exactly the amount. Other customers have numbers like these as
    /// well: that says nothing. And those whose digits the text has.
    fn mistyped(&self) -> Result<Near, Stop> {
        let mut near = Near::default();
        let free = self.subject.free;
        let known = self.known.is_some();
        let (slips, words): (Vec<_>, Vec<_>) =
            super::text::sought(self.subject.bank, self.subject.tokens, known)
                .into_iter()
                .partition(Word::is_slip);
        for word in words {
            match &word {
                Word::Digits(_) => near.bare.extend(self.set.near(&word)?),
                word if word.is_reference() => near.references.extend(self.set.near(word)?),
                Word::Mistyped(_) | Word::Neighbour(_) | Word::Slipped(_) | Word::Quoted(_) => {
                    near.numbers.extend(self.near_word(&word)?);
                }
            }
        }
        // A number that the text has but for one mistake is nearer than one that only shares most
        // of its digits, and perhaps a year that the text does not have.
        if !near.numbers.iter().any(|entry| entry.amount_due == free) {
            for word in slips {
                near.numbers.extend(self.near_word(&word)?);
            }
        }
        near.bare.sort_by(|left, right| left.invoice_id.cmp(&right.invoice_id));
        near.bare.dedup_by(|left, right| left.invoice_id == right.invoice_id);
        Ok(near)
    }

    fn near_word(&self, word: &Word) -> Result<Vec<BookEntry>, Stop> {
        let free = self.subject.free;
        match &self.known {
            Some(known) => self.set.near_of(word, &known.account_id, free),
            None => self.set.near_with(word, free),
        }
    }

    /// Several invoices of one customer, whose digits the text has, are exactly the amount: they
    /// are one choice.
    fn bare_group(&mut self, bare: &[BookEntry]) -> Result<bool, Stop> {
        let free = self.subject.free;
        let mut of_owner: BTreeMap<&AccountId, Vec<&BookEntry>> = BTreeMap::new();
        let same = |entry: &&BookEntry| entry.amount_due.currency() == free.currency();
        for entry in bare.iter().filter(same) {
            of_owner.entry(&entry.account_id).or_default().push(entry);
        }
        let mut groups = Vec::new();
        for entries in of_owner.into_values() {
            let dues = entries.iter().map(|entry| entry.amount_due.to_micros());
            let dues: Vec<i64> = dues.collect::<Result<_, _>>()?;
            if let Group::Only(places) = only_group(&dues, free.to_micros()?) {
                let of = places.iter().filter_map(|place| entries.get(*place));
                groups.push(of.map(|entry| (*entry).clone()).collect::<Vec<_>>());
            }
        }
        let [only] = groups.as_slice() else { return Ok(false) };
        for entry in only {
            self.push_candidate(entry, NamedBy::Number, Verdict::HasItsDigits);
            self.suggestions.push(entry.clone());
        }
        Ok(true)
    }

    /// Beside what is named, the text has the digits of others, which make it exactly the amount.
    pub(super) fn others_by_digits(&mut self, named: &Named<'_>) -> Result<bool, Stop> {
        let mut bare = Vec::new();
        for word in super::text::digits(self.subject.bank) {
            bare.extend(self.set.near(&word)?);
        }
        let known = |entry: &BookEntry| named.contains_key(&entry.invoice_id);
        if bare.iter().all(known) {
            return Ok(false);
        }
        let payable = named.values().filter(|(_, invoice)| invoice.is_payable());
        bare.extend(payable.map(|(_, invoice)| entry_of(invoice)));
        let owners: BTreeSet<_> = named.values().map(|(_, i)| &i.account_id).collect();
        bare.retain(|entry| owners.contains(&entry.account_id));
        bare.sort_by(|left, right| left.invoice_id.cmp(&right.invoice_id));
        bare.dedup_by(|left, right| left.invoice_id == right.invoice_id);
        self.bare_group(&bare)
    }

    /// R4 of more than is due: the text has the digits of others of the customer, and with them it
    /// is exactly the amount. A person takes all of them.
    pub(super) fn is_one_of_a_list(
        &mut self,
        invoice: &Invoice,
        named: &Named<'_>,
    ) -> Result<bool, Stop> {
        let above = invoice.due()?.compare(self.subject.free)?.is_lt();
        Ok(above && self.others_by_digits(named)?)
    }

    /// What was found by its digits alone says so.
    fn mark_bare(&mut self, bare: &[BookEntry]) {
        for candidate in &mut self.explanation.candidates {
            let id = &candidate.invoice.invoice_id;
            if bare.iter().any(|entry| entry.invoice_id == *id) {
                candidate.named_by = NamedBy::Number;
                candidate.verdict = Verdict::HasItsDigits;
            }
        }
    }

    /// A number of another customer than the payer's: perhaps one of the payer's own was meant.
    pub(super) fn suggest_near_own(&mut self, invoice: &Invoice) -> Result<(), Stop> {
        let Some(known) = self.known.clone() else { return Ok(()) };
        let own = self.near_of(&known.account_id, invoice)?;
        for entry in own {
            self.push_candidate(&entry, NamedBy::Near, Verdict::OneMistakeAway);
            self.suggestions.push(entry);
        }
        Ok(())
    }

    /// Invoices of the customer with exactly the amount and a number like that of `invoice`.
    fn near_of(&self, owner: &AccountId, invoice: &Invoice) -> Result<Vec<BookEntry>, Stop> {
        let mut near = self.set.near(&Word::Mistyped(number_key(&invoice.invoice_id)))?;
        near.retain(|entry| {
            entry.account_id == *owner
                && entry.amount_due == self.subject.free
                && entry.invoice_id != invoice.invoice_id
        });
        near.truncate(SUGGESTIONS_MAX.saturating_sub(1));
        Ok(near)
    }

    /// R4 of a known payer: the amount is that of another of their invoices, whose number is one
    /// mistake away. A person says which is meant.
    pub(super) fn mistaken(&mut self, invoice: &Invoice) -> Result<bool, Stop> {
        if self.known.is_none() || invoice.due()? == self.subject.free {
            return Ok(false);
        }
        let near = self.near_of(&invoice.account_id, invoice)?;
        if near.is_empty() {
            return Ok(false);
        }
        for entry in near {
            self.push_candidate(&entry, NamedBy::Near, Verdict::OneMistakeAway);
            self.suggestions.push(entry);
        }
        self.note(invoice, NamedBy::Number, ParkReason::Uncorroborated);
        self.suggestions.push(entry_of(invoice));
        Ok(true)
    }

    /// The best first: the amount, then the payer's name, then the id.
    fn push_near(&mut self, mut entries: Vec<BookEntry>) {
        let free = self.subject.free;
        let key = |entry: &BookEntry| {
            let other_amount = entry.amount_due != free;
            (other_amount, 100_usize.saturating_sub(self.likeness(entry)), entry.invoice_id.clone())
        };
        entries.sort_by_cached_key(key);
        entries.dedup_by(|left, right| left.invoice_id == right.invoice_id);
        entries.truncate(SUGGESTIONS_MAX);
        for entry in entries {
            self.push_candidate(&entry, NamedBy::Near, Verdict::OneMistakeAway);
            self.suggestions.push(entry);
        }
    }

    pub(super) fn push_candidate(
        &mut self,
        entry: &BookEntry,
        named_by: NamedBy,
        verdict: impl Into<Verdict>,
    ) {
        let invoice = entry.clone();
        self.explanation.candidates.push(Candidate { invoice, named_by, verdict: verdict.into() });
    }

    /// How much the payer's name is that of the entry's customer, in hundredths.
    pub(super) fn likeness(&self, entry: &BookEntry) -> usize {
        self.likeness_by(entry, names::likeness)
    }

    fn likeness_by(&self, entry: &BookEntry, alike: impl Fn(&str, &str) -> usize) -> usize {
        self.names_of(entry).map_or(0, |(payer, name)| alike(payer, name))
    }

    /// Whether it is: a name that was cut may be that of several.
    pub(super) fn is_same_name(&self, entry: &BookEntry) -> bool {
        let names = self.names_of(entry);
        names.is_some_and(|(payer, name)| names::proven_likeness(payer, name) >= names::SAME)
    }

    fn names_of(&self, entry: &BookEntry) -> Option<(&str, &str)> {
        let payer = self.subject.bank.debtor_name.as_deref();
        let payer = payer.filter(|payer| !weak::is_placeholder_name(payer));
        payer.zip(self.set.name_of(&entry.account_id))
    }

    /// R4 without a known payer: an invoice of another customer with the same amount, whose number
    /// differs by one digit, or whose digits the text has as well, is a rival, unless the payer's
    /// name speaks against it.
    pub(super) fn has_neighbour(&mut self, invoice: &Invoice) -> Result<bool, Stop> {
        if self.known.is_some() {
            return Ok(false);
        }
        let mut rivals = Vec::new();
        for word in super::text::rivals(self.subject.bank, &invoice.invoice_id) {
            rivals.extend(self.set.near(&word)?);
        }
        rivals.sort_by(|left, right| left.invoice_id.cmp(&right.invoice_id));
        rivals.dedup_by(|left, right| left.invoice_id == right.invoice_id);
        rivals.retain(|entry| {
            entry.account_id != invoice.account_id && entry.amount_due == self.subject.free
        });
        let own = entry_of(invoice);
        let named = self.is_same_name(&own)
            && rivals.iter().all(|rival| self.likeness(rival) < names::SAME);
        if rivals.is_empty() || named {
            return Ok(false);
        }
        self.note(invoice, NamedBy::Number, ParkReason::Uncorroborated);
        self.suggestions.push(own);
        let room = SUGGESTIONS_MAX.saturating_sub(1);
        rivals.truncate(room);
        for rival in rivals {
            self.push_candidate(&rival, NamedBy::Near, Verdict::OneMistakeAway);
            self.suggestions.push(rival);
        }
        Ok(true)
    }

    /// Whether no more is missing than the charges that the bank declares.
    pub(super) fn is_charged(&self, due: Money) -> Result<bool, Stop> {
        let free = self.subject.free;
        let Some(charges) = self.subject.bank.charges else {
            return Ok(false);
        };
        if free.compare(due)?.is_ge() || charges.currency() != due.currency() {
            return Ok(false);
        }
        Ok(due.sub(free)?.compare(charges)?.is_le())
    }

    /// R10: only what arrived is provisioned; the invoice still awaits the rest.
    pub(super) fn short_by_charges(
        &mut self,
        invoice: &Invoice,
        by: NamedBy,
        apply: bool,
    ) -> RuleOutcome {
        self.explanation.notes.push("short by no more than the charges that the bank declares");
        if apply {
            self.note(invoice, by, Verdict::Taken);
            let parts = vec![(invoice.invoice_id.clone(), self.subject.free)];
            return (Rule::BankCharges, MatchOutcome::Allocate(parts));
        }
        self.note(invoice, by, ParkReason::PartialPayment);
        self.suggestions.push(entry_of(invoice));
        (Rule::BankCharges, MatchOutcome::Park(ParkReason::PartialPayment))
    }

    /// Of very many equal invoices only the oldest are read: what is meant may be another of them.
    pub(super) fn add_meant(&self, fits: &mut Vec<&'a Invoice>) {
        let free = self.subject.free;
        let meant = self.meant.iter().filter(|entry| entry.amount_due == free);
        for invoice in meant.filter_map(|entry| self.set.invoice(&entry.invoice_id)) {
            let known = fits.iter().any(|fit| fit.invoice_id == invoice.invoice_id);
            if !known && invoice.is_payable() && !self.is_taken_off(invoice) {
                fits.push(invoice);
            }
        }
        fits.sort_by_key(|invoice| invoice.order());
    }

    pub(super) fn is_meant(&self, invoice: &Invoice) -> bool {
        self.meant.iter().any(|entry| entry.invoice_id == invoice.invoice_id)
    }

    /// R9, R10: the customer is known and no single invoice fits; else R11. The money is held for
    /// the customer, and what a person may choose is suggested.
    pub(super) fn no_single_fit(&mut self, known: &Identity) -> Result<RuleOutcome, Stop> {
        let free = self.subject.free;
        let book = self.set.oldest(&known.account_id, free.currency())?;
        let mut dues = Vec::with_capacity(book.len());
        let mut charged = Vec::new();
        for open in &book {
            dues.push(open.due.to_micros()?);
            if self.is_charged(open.due)? {
                charged.push(open.entry());
            }
        }
        if let [only] = charged.as_slice() {
            self.explanation.notes.push("short by no more than the charges that the bank declares");
            self.push_candidate(only, NamedBy::Amount, ParkReason::PartialPayment);
            self.suggestions.push(only.clone());
            return Ok((Rule::BankCharges, MatchOutcome::OnAccount));
        }
        match only_group(&dues, free.to_micros()?) {
            Group::Only(places) => {
                for open in places.iter().filter_map(|place| book.get(*place)) {
                    self.push_candidate(&open.entry(), NamedBy::Amount, Verdict::OneOfTheGroup);
                    self.suggestions.push(open.entry());
                }
                return Ok((Rule::GroupOfInvoices, MatchOutcome::OnAccount));
            }
            Group::None => {}
            Group::Several => self.explanation.notes.push("several groups of invoices fit"),
            Group::Unknown => {
                self.explanation.notes.push("groups of invoices were not searched to the end");
            }
        }
        self.hold(known)
    }

    /// R13: of the invoices with this amount, one customer's name is the payer's, with one invoice.
    pub(super) fn by_name(&mut self, entries: &[BookEntry]) -> Option<RuleOutcome> {
        if entries.len() >= crate::working_set::BOOK_COUNT_MAX {
            return None;
        }
        let ranked = |alike: fn(&str, &str) -> usize| {
            let alike = entries.iter().map(|entry| (self.likeness_by(entry, alike), entry));
            let mut alike: Vec<(usize, &BookEntry)> = alike.collect();
            alike.sort_by_key(|(likeness, _)| std::cmp::Reverse(*likeness));
            alike
        };
        let is_same =
            |alike: &Vec<(usize, &BookEntry)>| alike.first().is_some_and(|a| a.0 >= names::SAME);
        // Names are read more loosely only where none is the same as it is.
        let plain = Some(ranked(names::plain_likeness)).filter(is_same);
        let alike = plain.unwrap_or_else(|| ranked(names::likeness));
        let (best, entry) = alike.first().copied()?;
        let runner_up = alike.get(1).map_or(0, |(likeness, _)| *likeness);
        if best < names::SAME || runner_up.saturating_add(10) > best {
            return None;
        }
        self.push_candidate(entry, NamedBy::Name, ParkReason::NameOnly);
        self.suggestions.push(entry.clone());
        Some((Rule::PayerName, MatchOutcome::Park(ParkReason::NameOnly)))
    }
}
