//! A batch that loads lists only when it misses them decides what a complete set decides.

use std::collections::{BTreeSet, HashSet};

use proptest::prelude::*;

use crate::account::Account;
use crate::bank::BankTransaction;
use crate::decide::recording::Context;
use crate::decide::{decide, usage};
use crate::effect::Decided;
use crate::ids::{AccountId, AllocationId, IdBlock, PaymentId};
use crate::input::{Command, Input, Message, ResolveReturn, ReturnWord};
use crate::invoice::{BookEntry, Invoice, OpenInvoice, folded_key};
use crate::matching::near::Word;
use crate::matching::policy::{
    EqualAmountPolicy, Override, PartialPolicy, Policy, ResidualPolicy, RuleSet,
};
use crate::matching::{fold, foresee, names, text};
use crate::model_gen::random_log;
use crate::money::Money;
use crate::split::SplitPayment;
use crate::testkit::{Desk, account, credit_from, credit_saying, currency, invoice, reloaded};
use crate::usage::{Lot, Usage};
use crate::working_set::lots::{Reach, Walk, order};
use crate::working_set::miss::{Miss, Stop};
use crate::working_set::{BOOK_COUNT_MAX, NAMESAKES_MAX, WorkingSet};

const RECORDS: usize = 60;
const BATCH: usize = 9;
/// Passes until nothing is missing: as deep as look-ups depend on each other, and no deeper.
const ROUNDS_MAX: usize = 12;
/// Lots of a first page: so few that nearly every walk misses.
const LOTS: usize = 1;

/// The three accounts of a random log, known and locked from the start.
fn world() -> WorkingSet {
    let mut set = WorkingSet::default();
    set.usage.keeps_lots = true;
    for number in 0..3 {
        let id = account(&format!("ACC-{number}"));
        let named = Account::named_by_a_record(id.clone());
        set.accounts.insert(id.clone(), named);
        set.locked.insert(id);
    }
    set
}

/// A return of what came in the same batch waits for the sweep, so each begins a batch here.
fn batches(log: &[Message]) -> Vec<&[Message]> {
    let is_booked_step_back = |message: &Message| match &message.input {
        Input::BankTransaction(bank) => bank.is_booked_step_back(),
        _ => false,
    };
    let parts = log.chunk_by(|_, next| !is_booked_step_back(next));
    parts.flat_map(|part| part.chunks(BATCH)).collect()
}

/// What the database would answer, as it was before the batch.
fn load(before: &WorkingSet, set: &mut WorkingSet, miss: Miss) {
    let payable = |fits: &dyn Fn(&Invoice) -> bool| {
        let all = before.invoices.values().filter(|invoice| invoice.is_payable() && fits(invoice));
        let mut found: Vec<&Invoice> = all.collect();
        found.sort_by_key(|invoice| invoice.order());
        found
    };
    let ids = |found: Vec<&Invoice>| found.iter().map(|i| i.invoice_id.clone()).collect();
    match miss {
        Miss::Exact(account_id, code, micros) => {
            let due = Money::from_micros(micros, currency(&code));
            let found = payable(&|i| i.account_id == account_id && i.due() == Ok(due));
            set.exact.insert((account_id, currency(&code), micros), ids(found));
        }
        Miss::Oldest(account_id, code) => {
            let currency = currency(&code);
            let found = payable(&|i| i.account_id == account_id && i.currency() == currency);
            let open = found.into_iter().map(|i| OpenInvoice::of(i).expect("due").expect("open"));
            let open: Vec<OpenInvoice> = open.collect();
            set.oldest.insert((account_id, currency), open);
        }
        Miss::Book(code, micros) => {
            let due = Money::from_micros(micros, currency(&code));
            let mut entries: Vec<BookEntry> = payable(&|i| i.due() == Ok(due))
                .into_iter()
                .map(|invoice| BookEntry {
                    invoice_id: invoice.invoice_id.clone(),
                    account_id: invoice.account_id.clone(),
                    amount_due: due,
                })
                .collect();
            entries.sort_by(|left, right| left.invoice_id.cmp(&right.invoice_id));
            // As many more as a batch may use up.
            entries.truncate(BOOK_COUNT_MAX + BATCH);
            set.book.insert((currency(&code), micros), entries);
        }
        Miss::Namesakes(name) => {
            let named = |a: &&Account| a.name.as_deref().is_some_and(|n| names::key(n) == name);
            let found = before.accounts.values().filter(named).map(|a| a.account_id.clone());
            set.namesakes.insert(name.clone(), found.take(NAMESAKES_MAX).collect());
        }
        Miss::Held(account_id, code) => {
            let mut world = before.clone();
            world.complete = true;
            let held = world.held_payments(&account_id, currency(&code)).expect("amounts");
            set.held_payments.insert((account_id, currency(&code)), held);
        }
        Miss::Near(word) => {
            let variants = word.variants();
            let found = payable(&|i| {
                let key = folded_key(&i.invoice_id);
                match &word {
                    Word::Digits(digits) => fold::digits(&key) == digits,
                    _ => variants.contains(&i.payment_reference) || variants.contains(&key),
                }
            });
            let open = found.into_iter().map(|i| OpenInvoice::of(i).expect("due").expect("open"));
            set.near.insert(word, open.map(|open| open.entry()).collect());
        }
        Miss::Lots(walk, account_id, code, _) => load_lots(before, set, walk, &account_id, &code),
    }
}

/// The next page of a walk over an account's lots.
fn load_lots(
    before: &WorkingSet,
    set: &mut WorkingSet,
    walk: Walk,
    account_id: &AccountId,
    code: &str,
) {
    let currency = currency(code);
    let known = set.usage.reached(walk, account_id, currency);
    let of = before.usage.lots.get(&(account_id.clone(), currency));
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

/// Leaves the lots that the store reads by their numbers: those of refunded charges, and those of
/// payments that may go back.
fn forget_lots(before: &WorkingSet, loaded: &mut WorkingSet, batch: &[Message]) {
    let mut kept: HashSet<AllocationId> = HashSet::new();
    let mut named: HashSet<PaymentId> = HashSet::new();
    for message in batch {
        match &message.input {
            Input::Usage(Usage::Refund(refund)) => {
                let key = (refund.account_id.clone(), refund.usage_id.clone());
                let burnt = before.usage.charges.get(&key).into_iter().flat_map(|c| &c.burnt);
                kept.extend(burnt.map(|burnt| burnt.lot_id));
            }
            Input::Command(Command::ResolveReturn(_)) => {
                named.extend(before.payments.keys().cloned());
            }
            Input::Command(command) => named.extend(command.payment_id().cloned()),
            // What they mean is any payment.
            Input::BankTransaction(bank) if !bank.reversal => {}
            Input::BankTransaction(_) => named.extend(before.payments.keys().cloned()),
            _ => {}
        }
    }
    let parts: Vec<PaymentId> =
        named.iter().filter_map(|id| before.parts.get(id)).flatten().cloned().collect();
    named.extend(parts);
    let links = before.allocations.values().filter(|link| named.contains(&link.payment_id));
    kept.extend(links.map(|link| link.id));
    loaded.usage.reached.clear();
    for lots in loaded.usage.lots.values_mut() {
        lots.retain(|lot| kept.contains(&lot.id));
    }
}

/// What the batch did not load is as it was.
fn remember_lots(before: &WorkingSet, after: &mut WorkingSet) {
    for ((account_id, currency), lots) in &before.usage.lots {
        after.usage.keep(account_id, *currency, lots.clone());
    }
    after.usage.lots.retain(|_, lots| !lots.is_empty());
}

fn decide_all(
    set: &mut WorkingSet,
    batch: &[Message],
    first: i64,
    rules: &RuleSet,
) -> Result<Vec<Decided>, Stop> {
    let decide_one = |(number, message): (i64, &Message)| {
        let context = Context {
            rules,
            as_of: message.time,
            claims_until: chrono::DateTime::<chrono::Utc>::MAX_UTC,
        };
        decide(set, message, &mut IdBlock::new(number), context)
    };
    // What comes after a record that lacks something may lack more: all are asked, as in a batch.
    let decided: Vec<_> = (first..).zip(batch).map(decide_one).collect();
    let missing = decided.iter().filter_map(|decided| match decided {
        Err(Stop::Miss(missing)) => Some(missing.clone()),
        Ok(_) | Err(Stop::Corrupt(_)) => None,
    });
    let missing: BTreeSet<Miss> = missing.flatten().collect();
    if !missing.is_empty() {
        return Err(Stop::Miss(missing));
    }
    let decided = decided.into_iter().collect::<Result<Vec<_>, Stop>>()?;
    usage::conclude(set)?;
    Ok(decided)
}

/// Decides the batch again from a fresh copy until nothing is missing, as the service does.
fn in_a_batch(
    before: &WorkingSet,
    batch: &[Message],
    first: i64,
    rules: &RuleSet,
) -> (WorkingSet, Vec<Decided>) {
    let mut loaded = reloaded(before);
    for message in batch {
        if let Input::Command(
            Command::DeallocatePayment { payment_id, .. }
            | Command::RemovePayment { payment_id, .. }
            | Command::UnsplitPayment { payment_id, .. }
            | Command::SplitPayment(SplitPayment { payment_id, .. }),
        ) = &message.input
        {
            loaded.reversible.insert(payment_id.clone());
            let parts = before.parts.get(payment_id).into_iter().flatten();
            loaded.reversible.extend(parts.cloned());
        }
        if let Input::Command(Command::ResolveReturn(ResolveReturn {
            word: ReturnWord::Take { payments, .. },
            ..
        })) = &message.input
        {
            loaded.reversible.extend(payments.iter().map(|taken| taken.0.clone()));
        }
    }
    forget_lots(before, &mut loaded, batch);
    // Each round tells all that it lacks, so that their number does not grow with the batch.
    for _ in 0..ROUNDS_MAX {
        let mut set = loaded.clone();
        match decide_all(&mut set, batch, first, rules) {
            Ok(decided) => {
                remember_lots(before, &mut set);
                return (set, decided);
            }
            Err(Stop::Miss(misses)) => {
                misses.into_iter().for_each(|miss| load(before, &mut loaded, miss));
            }
            Err(stop) => panic!("{stop:?}"),
        }
    }
    panic!("it always lacks something more");
}

/// Policies of some of the customers, a function of the seed.
fn some_rules(seed: u64, global: Policy) -> RuleSet {
    let own = |number: u64| Override {
        partial: (number & 1 == 1).then_some(PartialPolicy::Apply),
        equal_amount: (number & 2 == 2).then_some(EqualAmountPolicy::Suggest),
        residual: (number & 4 == 4).then_some(ResidualPolicy::Hold),
        fee: (number & 8 == 8).then_some(PartialPolicy::Apply),
        ..Override::default()
    };
    let names = world().accounts.into_keys().collect::<BTreeSet<_>>();
    let overrides = (0_u32..).zip(names).map(|(at, id)| (id, own(seed >> (4 * (at % 16)))));
    RuleSet::new(1, global, overrides.collect())
}

/// A second pass decides the whole batch again. What ordinary payments ask for is foreseen, also
/// where the payer has a name that no customer has.
#[test]
fn a_batch_of_ordinary_payments_is_decided_in_one_pass() {
    let mut desk = Desk::with_customers(Policy::default());
    desk.invoice("INV-71014", "A", "100");
    desk.invoice("INV-82025", "B", "70");
    let reference = desk.model.set.invoices[&invoice("INV-71014")].payment_reference.clone();
    let named = |bank: BankTransaction, name: &str| BankTransaction {
        debtor_name: Some(name.to_owned()),
        ..bank
    };
    let banks = [
        credit_saying("1", "100", &[&reference]),
        named(credit_saying("2", "100", &["INV-71014"]), "Globex"),
        named(credit_saying("3", "100", &["INV-71014"]), "Customer A"),
        named(credit_from("4", "100", "PAYERA"), "Globex"),
        named(credit_from("5", "100", "PAYERA"), "Customer A"),
        named(credit_from("6", "70", "PAYERC"), "Globex"),
        named(credit_saying("7", "70", &["TOPUP 82025"]), "Globex"),
    ];
    let rules = RuleSet::from(Policy::default());
    for bank in banks {
        let mut loaded = reloaded(&desk.model.set);
        let misses = foresee(&loaded, &bank, &text::tokens(&bank)).expect("amounts");
        misses.into_iter().for_each(|miss| load(&desk.model.set, &mut loaded, miss));
        let message = desk.message(Input::BankTransaction(Box::new(bank)));
        let decided = decide_all(&mut loaded, std::slice::from_ref(&message), 1, &rules);
        assert!(decided.is_ok(), "{decided:?} for {message:?}");
    }
}

proptest! {
    #![proptest_config(super::properties::config())]

    /// A rule set that says nothing of its own decides like the configuration.
    #[test]
    fn an_empty_rule_set_changes_nothing(seed: u64, apply: bool) {
        let partial = if apply { PartialPolicy::Apply } else { PartialPolicy::Suggest };
        let global = Policy { partial, ..Policy::default() };
        let said = world().accounts.into_keys().map(|id| (id, Override::default())).collect();
        let mut plain = crate::model::Model::new(global.clone());
        let mut empty = crate::model::Model::new(RuleSet::new(7, global, said));
        for message in random_log(seed, RECORDS) {
            let one = plain.feed(&message, message.time);
            prop_assert_eq!(one, empty.feed(&message, message.time));
        }
        prop_assert_eq!(plain.summary(), empty.summary());
    }

    #[test]
    fn a_batch_decides_like_a_complete_set(seed: u64, apply: bool) {
        let partial = if apply { PartialPolicy::Apply } else { PartialPolicy::Suggest };
        let rules = some_rules(seed, Policy { partial, ..Policy::default() });
        let mut complete = world();
        complete.complete = true;
        let mut batched = world();
        let log = random_log(seed, RECORDS);
        for (number, batch) in (0..).zip(batches(&log)) {
            let first = number * 100;
            let expected = decide_all(&mut complete, batch, first, &rules);
            let (after, decided) = in_a_batch(&batched, batch, first, &rules);
            prop_assert_eq!(Ok(decided), expected);
            batched = after;
        }
        prop_assert_eq!(batched.payments, complete.payments);
        prop_assert_eq!(batched.invoices, complete.invoices);
        prop_assert_eq!(batched.balances, complete.balances);
        prop_assert_eq!(batched.usage.lots, complete.usage.lots);
        prop_assert_eq!(batched.usage.holds, complete.usage.holds);
    }
}
