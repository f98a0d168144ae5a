//! The invoices that a payer's text names: by references with valid check digits, and by numbers.

use std::collections::BTreeSet;

use super::numbers::Number;
use crate::account::{Identity, Strength};
use crate::allocation::Rule;
use crate::ids::{AccountId, InvoiceId};
use crate::invoice::{Invoice, number_key};
use crate::matching::decision::{MatchOutcome, NamedBy};
use crate::matching::reference::ReferencePlace;
use crate::matching::step::{Matching, Named, RuleOutcome, TextNames};
use crate::matching::{decision, fold};
use crate::payment::ParkReason;

/// Why a number is doubtful.
const BARE: &str = "a bare number names an invoice only if the payer or the payer's name speaks \
                    for it as well, or a word such as INVOICE stands right before it and nothing \
                    right behind it that may say what else it is";
const LETTERS_LEFT_OUT: &str = "the text leaves out letters or digits of the invoice's number, so \
                                the payer or the payer's name must speak for it as well";
const OTHER_ZEROS: &str = "the text has other zeros than the invoice's number, so the payer or the \
                           payer's name must speak for it as well";
const PLAIN: &str = "upstream's own number has no check digits, so the payer or the payer's name \
                     must speak for it as well";
const UNLIKE: &str = "the number is not written as the invoice's own, or may be a part of another, \
                      so the payer or the payer's name must speak for it as well";

/// How a number of a text is that of an invoice.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    /// As we wrote it, but for upper and lower case.
    Exactly,
    /// With other marks or spaces.
    Otherwise,
}

impl<'a> Matching<'a> {
    pub(super) fn named(&self) -> TextNames<'a> {
        let mut found = TextNames::default();
        let invoice = |id: &InvoiceId| self.set.invoice(id);
        for (reference, place) in &self.subject.tokens.references {
            let by = match place {
                ReferencePlace::Reference => NamedBy::Reference,
                ReferencePlace::EndToEnd => NamedBy::EndToEnd,
            };
            if let Some(invoice) = self.set.referenced(reference).and_then(invoice) {
                found.named.entry(invoice.invoice_id.clone()).or_insert((by, invoice));
            }
        }
        for run in &self.subject.tokens.numbers {
            // What is written as we write it wins over what is written otherwise, then the longest
            // that is one of ours over what it contains; numbers that were glued together stand
            // beside each other.
            let mut taken: Vec<&Number> = Vec::new();
            for written in [Written::Exactly, Written::Otherwise] {
                for number in run {
                    let ids = self.written(number, written);
                    if ids.is_empty() || taken.iter().any(|other| other.overlaps(number)) {
                        continue;
                    }
                    let rival = self.rival(number, &ids, run);
                    let (number, ids) = match rival {
                        Some((longer, theirs)) if self.is_known(&theirs) => (longer, theirs),
                        Some((_, theirs)) if !self.is_known(&ids) => {
                            taken.push(number);
                            found.ambiguous.extend(ids.iter().chain(&theirs).copied().cloned());
                            continue;
                        }
                        _ => (number, ids),
                    };
                    taken.push(number);
                    self.add(number, &ids, &mut found);
                }
            }
        }
        found
    }

    /// What the text says there as well, as long or longer, if that is an invoice of another
    /// customer: `INV 43125` is INV-43125, and has 43125 in it.
    fn rival<'n>(
        &self,
        number: &Number,
        ids: &[&'a InvoiceId],
        run: &'n [Number],
    ) -> Option<(&'n Number, Vec<&'a InvoiceId>)> {
        let owners = self.owners(ids);
        let longer = |other: &&Number| {
            other.key != number.key && other.overlaps(number) && other.length() >= number.length()
        };
        run.iter().filter(longer).find_map(|other| {
            let theirs = self.written(other, Written::Otherwise);
            let others = self.owners(&theirs).difference(&owners).next().is_some();
            others.then_some((other, theirs))
        })
    }

    fn owners(&self, ids: &[&InvoiceId]) -> BTreeSet<&'a AccountId> {
        let invoices = ids.iter().filter_map(|id| self.set.invoice(id));
        invoices.map(|invoice| &invoice.account_id).collect()
    }

    /// Whether the known payer is the customer of all of them.
    fn is_known(&self, ids: &[&InvoiceId]) -> bool {
        let known = self.known.as_ref().map(|known| &known.account_id);
        known.is_some_and(|known| self.owners(ids).into_iter().eq([known]))
    }

    /// The invoices whose number it is.
    fn written(&self, number: &Number, written: Written) -> Vec<&'a InvoiceId> {
        let alike = self.set.numbered(&number.key).into_iter().flatten();
        match written {
            Written::Exactly => alike.filter(|id| number_key(id) == number.word).collect(),
            Written::Otherwise => alike.collect(),
        }
    }

    fn add(&self, number: &Number, ids: &[&'a InvoiceId], found: &mut TextNames<'a>) {
        let [id] = ids else {
            found.ambiguous.extend(ids.iter().map(|id| (*id).clone()));
            return;
        };
        let Some(invoice) = self.set.invoice(id) else { return };
        // Another number of zeros is another number as often as not.
        let zeros = fold::with_zeros(&number.word) != fold::with_zeros(id.as_str());
        let doubtful = number.doubtful || zeros;
        match found.named.get(*id) {
            None => {
                found.named.insert((*id).clone(), (NamedBy::Number, invoice));
                if doubtful {
                    found.doubtful.insert((*id).clone());
                }
            }
            Some(_) if !doubtful => {
                found.doubtful.remove(*id);
            }
            Some(_) => {}
        }
    }

    /// Why the number that names the invoice needs a witness; `payments explain` prints it.
    pub(super) fn doubt(&self, id: &InvoiceId) -> &'static str {
        let key = fold::fold(id.as_str());
        let numbers = || self.subject.tokens.numbers.iter().flatten();
        let Some(number) = numbers().find(|number| number.key == key) else {
            let of_upstream = |number: &Number| self.set.upstream(&number.key) == Some(id);
            return if numbers().any(of_upstream) { PLAIN } else { UNLIKE };
        };
        if number.length() < number.word.len() {
            LETTERS_LEFT_OUT
        } else if number.is_bare() && number.doubtful {
            BARE
        } else if fold::with_zeros(&number.word) != fold::with_zeros(id.as_str()) {
            OTHER_ZEROS
        } else {
            UNLIKE
        }
    }

    /// Numbers of the text that no invoice has yet, those first that are waited for.
    pub(super) fn unknown_numbers(&self) -> impl Iterator<Item = &'a Number> {
        let tokens = self.subject.tokens;
        let known = |number: &&Number| self.set.numbered(&number.key).is_some();
        let apart = move |run: &'a Vec<Number>| {
            let hits: Vec<&Number> = run.iter().filter(known).collect();
            run.iter().filter(move |number| !hits.iter().any(|hit| hit.overlaps(number)))
        };
        let mut unknown: Vec<&'a Number> = tokens.numbers.iter().flat_map(apart).collect();
        unknown.sort_by_key(|number| !number.awaited);
        unknown.into_iter()
    }

    /// The text fits several invoices alike: a person says which.
    pub(super) fn several_alike(&mut self, ids: &BTreeSet<InvoiceId>) -> RuleOutcome {
        let invoices = ids.iter().filter_map(|id| self.set.invoice(id));
        let mut invoices: Vec<&Invoice> = invoices.collect();
        let free = self.subject.free;
        invoices.sort_by_key(|invoice| invoice.due().ok() != Some(free));
        let reason = ParkReason::AmbiguousReference;
        for invoice in invoices.iter().take(decision::SUGGESTIONS_MAX) {
            self.note(invoice, NamedBy::Number, reason);
        }
        self.suggest(invoices);
        (Rule::InvoiceNumber, MatchOutcome::Park(reason))
    }

    /// What the payment pays already says nothing about its rest, except whose money it is.
    pub(super) fn set_aside_paid(&mut self, named: &mut Named<'a>) {
        let (set, payment_id) = (self.set, self.subject.payment_id);
        let pays = |id: &InvoiceId| set.pays(payment_id, id);
        let paid = named.iter().find(|(id, _)| pays(id));
        let owner = paid.map(|(_, (_, invoice))| invoice.account_id.clone());
        named.retain(|id, _| !pays(id));
        // A virtual account that was registered since outranks that, as it does a reference.
        let known = self.known.as_ref();
        let outranked = known.is_some_and(|known| known.strength == Strength::Certain);
        let agrees = known.map(|known| &known.account_id) == owner.as_ref();
        if let (Some(account_id), false) = (owner, outranked || agrees) {
            self.known = Some(Identity { account_id, strength: Strength::Certain });
        }
    }
}
