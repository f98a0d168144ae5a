//! What a database would answer, which is a complete world as it was before a batch.

mod payments;
mod returns;
mod review;
mod told;
mod usage;
mod watching;

use super::*;
use crate::account::Account;
use crate::ids::BankKey;
use crate::invoice::{BookEntry, OpenInvoice, folded_key};
use crate::matching::near::Word;
use crate::matching::upstream::{Scheme, UpstreamReference};
use crate::matching::{fold, names};
use crate::usage::Lot;
use crate::want::Want;
use crate::working_set::lots::{Reach, Walk, order};
use crate::working_set::miss::Stop;
use crate::working_set::{BOOK_COUNT_MAX, NAMESAKES_MAX};

/// As many invoices of one amount more as a batch may use up.
const BATCH: usize = 9;
/// Lots of a first page: so few that nearly every walk misses.
const LOTS: usize = 1;

/// Passes until nothing is missing: as deep as look-ups depend on each other, and no deeper.
const ROUNDS_MAX: usize = 12;

/// Decides from a fresh copy of `loaded` until nothing is missing, as the service does. Returns
/// what was decided on, and what was decided.
pub(crate) fn until_loaded<T>(
    world: &WorkingSet,
    loaded: &mut WorkingSet,
    mut decide: impl FnMut(&mut WorkingSet) -> Result<T, Stop>,
) -> (WorkingSet, T) {
    // Each round tells all that it lacks, so that their number does not grow with the batch.
    for _ in 0..ROUNDS_MAX {
        let mut set = loaded.clone();
        match decide(&mut set) {
            Ok(decided) => return (set, decided),
            Err(Stop::Miss(wants)) => wants.into_iter().for_each(|want| load(world, loaded, want)),
            Err(stop) => panic!("{stop:?}"),
        }
    }
    panic!("it always lacks something more");
}

pub(crate) fn load(world: &WorkingSet, set: &mut WorkingSet, want: Want) {
    set.ask([want.clone()]);
    match want {
        Want::Account(_)
        | Want::Payer(_)
        | Want::Virtual(_)
        | Want::Reference(_)
        | Want::Number(_)
        | Want::Bank(_)
        | Want::LastEqual(..) => load_named(world, set, want),
        Want::Exact(account_id, currency, due) => {
            load_exact(world, set, &account_id, (currency, due));
        }
        Want::Oldest(account_id, currency) => {
            let found = payable(world, |i| i.account_id == account_id && i.currency() == currency);
            found.into_iter().for_each(|invoice| set.list_oldest(open(invoice)));
        }
        Want::Book(currency, due) => load_book(world, set, (currency, due)),
        Want::Namesakes(name) => {
            let named = |a: &&Account| a.name.as_deref().is_some_and(|n| names::key(n) == name);
            let found = world.accounts_here().values().filter(named).take(NAMESAKES_MAX);
            found.for_each(|known| set.list_namesake(name.clone(), known.account_id.clone()));
        }
        Want::Held(account_id, currency) => {
            let held = world.held_payments(&account_id, currency).expect("amounts");
            held.into_iter().for_each(|(id, left)| set.list_held(account_id.clone(), id, left));
        }
        Want::Payment(_) | Want::Taken(_) | Want::Whole(_) => payments::load(world, set, want),
        Want::Original(_)
        | Want::ToldTwice(_)
        | Want::Returned(..)
        | Want::ReturnsOf(_)
        | Want::Parked(_) => returns::load(world, set, want),
        Want::Announced(..)
        | Want::BookedAlready(..)
        | Want::WithoutId(..)
        | Want::WithId(..)
        | Want::ToldSteps(..) => told::load(world, set, want),
        Want::Near(word) => load_near(world, set, &word),
        Want::Lots(walk, account_id, currency, _) => {
            load_lots(world, set, walk, &account_id, currency);
        }
        Want::Balances(_)
        | Want::Limits(_)
        | Want::SetAside(_)
        | Want::Charge(..)
        | Want::Refund(..)
        | Want::Hold(..) => usage::load(world, set, want),
        Want::Suggested(_)
        | Want::Taught(_)
        | Want::Advice(_)
        | Want::AdviceOf(_)
        | Want::Twins(..)
        | Want::Fitting(..) => review::load(world, set, want),
        Want::Advised(_)
        | Want::BankRecord(_)
        | Want::Watchers(_)
        | Want::Holders(..)
        | Want::Queue(_)
        | Want::Waits(_) => watching::load(world, set, want),
    }
}

fn load_named(world: &WorkingSet, set: &mut WorkingSet, want: Want) {
    match want {
        Want::Account(id) => know_account(world, set, &id),
        Want::Payer(payer) => {
            let known = world.customers(&payer).cloned().unwrap_or_default();
            known.all().for_each(|id| know_account(world, set, id));
            *set.payer_mut(payer) = known;
        }
        Want::Virtual(number) => {
            let known = world.holder(&number).cloned().unwrap_or_default();
            known.now.iter().for_each(|id| know_account(world, set, id));
            *set.holder_mut(number) = known;
        }
        Want::Reference(reference) => {
            let found = world.referenced(&reference);
            found.into_iter().for_each(|id| know_invoice(world, set, id));
        }
        Want::Number(number) => {
            let found = world.numbered(&number).into_iter().flatten();
            found.for_each(|id| know_invoice(world, set, id));
        }
        Want::Bank(key) => know_bank(world, set, key),
        Want::LastEqual(bank_account, print) => {
            let last = world.last_equal(&bank_account, &print);
            know_bank(world, set, BankKey { bank_account, key: format!("{print}{last}") });
        }
        _ => {}
    }
}

fn load_exact(
    world: &WorkingSet,
    set: &mut WorkingSet,
    account_id: &AccountId,
    (currency, micros): (Currency, i64),
) {
    let due = Money::from_micros(micros, currency);
    for invoice in payable(world, |i| i.account_id == *account_id && i.due() == Ok(due)) {
        let id = invoice.invoice_id.clone();
        set.list_exact(account_id.clone(), (currency, micros), id);
        // What may decide is here in full.
        know_invoice(world, set, &invoice.invoice_id);
    }
}

fn load_book(world: &WorkingSet, set: &mut WorkingSet, (currency, micros): (Currency, i64)) {
    let due = Money::from_micros(micros, currency);
    let found = payable(world, |i| i.due() == Ok(due));
    let mut entries: Vec<BookEntry> = found.into_iter().map(|i| open(i).entry()).collect();
    entries.sort_by(|left, right| left.invoice_id.cmp(&right.invoice_id));
    entries.truncate(BOOK_COUNT_MAX + BATCH);
    entries.into_iter().for_each(|entry| set.list_in_book((currency, micros), entry));
}

fn payable(world: &WorkingSet, fits: impl Fn(&Invoice) -> bool) -> Vec<&Invoice> {
    let all =
        world.invoices_here().values().filter(|invoice| invoice.is_payable() && fits(invoice));
    let mut found: Vec<&Invoice> = all.collect();
    found.sort_by_key(|invoice| invoice.order());
    found
}

fn open(invoice: &Invoice) -> OpenInvoice {
    OpenInvoice::of(invoice).expect("due").expect("open")
}

fn load_near(world: &WorkingSet, set: &mut WorkingSet, word: &Word) {
    let variants = word.variants();
    let is_near = |i: &Invoice| {
        let key = folded_key(&i.invoice_id);
        if let Word::Digits(digits) = word {
            return fold::digits(&key) == *digits;
        }
        let mut given = world.given_here().filter(|of| *of.1 == i.invoice_id);
        variants.contains(&i.payment_reference)
            || variants.contains(&key)
            || given.any(|(key, _)| variants.contains(key))
    };
    for invoice in payable(world, is_near) {
        set.list_near(word, &open(invoice).entry());
        if word.is_mistyped_number() {
            know_invoice(world, set, &invoice.invoice_id);
        }
    }
}

fn know_account(world: &WorkingSet, set: &mut WorkingSet, id: &AccountId) {
    world.account(id).into_iter().for_each(|account| set.keep_account(account.clone()));
}

/// The invoice is here with its customer, by its own names and by those of upstream.
fn know_invoice(world: &WorkingSet, set: &mut WorkingSet, id: &InvoiceId) {
    let Some(invoice) = world.invoice(id) else { return };
    set.know_invoice(invoice.clone());
    know_account(world, set, &invoice.account_id);
    for (key, _) in world.given_here().filter(|given| given.1 == id) {
        let scheme = (world.referenced(key) == Some(id)).then_some(Scheme::Rf);
        let reference = UpstreamReference { key: key.clone(), scheme, text: key.clone() };
        set.name_invoice(id, &reference);
    }
}

fn know_bank(world: &WorkingSet, set: &mut WorkingSet, key: BankKey) {
    if let Some(stored) = world.bank_here().get(&key).cloned() {
        let payment_id = stored.payment_id;
        set.know_bank(key, stored.content_hash, stored.disposition, payment_id, stored.terms);
    }
}

/// The next page of a walk over an account's lots.
fn load_lots(
    world: &WorkingSet,
    set: &mut WorkingSet,
    walk: Walk,
    account_id: &AccountId,
    currency: Currency,
) {
    let known = set.usage.reached(walk, account_id, currency);
    let of = world.usage.lots.get(&(account_id.clone(), currency));
    let mut found: Vec<Lot> = of.into_iter().flatten().cloned().collect();
    found.retain(|lot| match walk {
        Walk::Open => lot.remaining.is_positive(),
        Walk::Cleared => lot.debt_cleared.is_positive(),
    });
    if walk == Walk::Cleared {
        found.reverse();
    }
    found.retain(|lot| match (known.reach, walk) {
        (Reach::Nothing, _) => true,
        (Reach::To(last), Walk::Open) => order(lot) > last,
        (Reach::To(last), Walk::Cleared) => order(lot) < last,
        (Reach::All, _) => panic!("all lots are loaded, and more are asked for"),
    });
    let size = known.read.max(LOTS);
    let all = found.len() < size;
    found.truncate(size);
    set.usage.load(walk, account_id, currency, found, all);
}
