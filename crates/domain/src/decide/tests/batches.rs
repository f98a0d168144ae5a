//! A batch that loads only what it misses decides what a complete set decides.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;

use foldhash::HashMap;
use proptest::prelude::*;

use crate::account::Account;
use crate::bank::{BankTransaction, EntryStatus, ReturnOf};
use crate::decide::bank::{bank_key, payment_id, payment_id_instead};
use crate::decide::recording::Context;
use crate::decide::{decide, usage};
use crate::effect::Decided;
use crate::ids::{AccountId, IdBlock, MessageId, RecordId};
use crate::input::{CancelCommand, Command, Input, Message, ResolveReturn, ReturnWord};
use crate::matching::policy::{
    EqualAmountPolicy, Override, PartialPolicy, Policy, ResidualPolicy, RuleSet,
};
use crate::matching::{foresee, text};
use crate::model_gen::random_log;
use crate::money::{Currency, Money};
use crate::split::SplitPayment;
use crate::testkit::{
    Desk, account, credit_from, credit_saying, invoice, load, reloaded, returned, unreturned,
    until_loaded,
};
use crate::want::Want;
use crate::working_set::WorkingSet;
use crate::working_set::miss::Stop;

const RECORDS: usize = 60;
const BATCH: usize = 9;
/// Logs of which each batch is decided again and again with one look-up left out.
const LEFT_OUT_SEEDS: u64 = 12;

/// The three accounts of a random log, known and locked from the start.
fn world() -> WorkingSet {
    let mut set = WorkingSet::default();
    set.usage.keeps_lots = true;
    for number in 0..3 {
        let id = account(&format!("ACC-{number}"));
        set.know_account(Account::named_by_a_record(id.clone()));
        set.locked.insert(id);
    }
    set
}

/// A random log in which payers have the names of customers, and others.
fn log(seed: u64) -> Vec<Message> {
    let names = ["Customer ACC-0", "Customer ACC-1", "Globex"];
    let mut log = random_log(seed, RECORDS);
    for (number, message) in log.iter_mut().enumerate() {
        if let Input::BankTransaction(bank) = &mut message.input {
            bank.debtor_name = names.get(number % 4).map(|name| (*name).to_owned());
        }
    }
    log
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

/// Leaves the lots: the store reads them with what burnt them or may take them back.
fn forget_lots(loaded: &mut WorkingSet) {
    loaded.usage.reached.clear();
    loaded.usage.lots.clear();
}

/// What the batch did not load is as it was.
fn remember_lots(before: &WorkingSet, after: &mut WorkingSet) {
    for ((account_id, currency), lots) in &before.usage.lots {
        after.usage.keep(account_id, *currency, lots.clone());
    }
    after.usage.lots.retain(|_, lots| !lots.is_empty());
}

fn with_what_was<K: Hash + Eq + Clone, V: Clone>(
    before: &HashMap<K, V>,
    after: &HashMap<K, V>,
) -> HashMap<K, V> {
    before.iter().chain(after).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// What is here of balances; the last says what they are.
fn balances(sets: &[&WorkingSet]) -> BTreeMap<(AccountId, Currency), Money> {
    let all = sets.iter().flat_map(|set| set.balances_here());
    all.map(|(account_id, sum)| ((account_id.clone(), sum.currency()), sum)).collect()
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
    let missing: BTreeSet<Want> = missing.flatten().collect();
    if !missing.is_empty() {
        return Err(Stop::Miss(missing));
    }
    let decided = decided.into_iter().collect::<Result<Vec<_>, Stop>>()?;
    usage::conclude(set)?;
    Ok(decided)
}

/// What the service loads for a batch without being asked.
fn first_load(world: &WorkingSet, batch: &[Message]) -> WorkingSet {
    let mut loaded = reloaded(world);
    for message in batch {
        if let Input::Command(
            Command::DeallocatePayment { payment_id, .. }
            | Command::RemovePayment { payment_id, .. }
            | Command::UnsplitPayment { payment_id, .. }
            | Command::SplitPayment(SplitPayment { payment_id, .. }),
        ) = &message.input
        {
            loaded.reversible.insert(payment_id.clone());
            loaded.reversible.extend(world.parts_ever(payment_id).iter().cloned());
        }
        if let Input::Command(Command::ResolveReturn(ResolveReturn {
            word: ReturnWord::Take { payments, .. },
            ..
        })) = &message.input
        {
            loaded.reversible.extend(payments.iter().map(|taken| taken.0.clone()));
        }
    }
    forget_lots(&mut loaded);
    loaded
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
    let names = world().accounts_here().keys().cloned().collect::<BTreeSet<_>>();
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
    let reference = desk.model.set.invoices_here()[&invoice("INV-71014")].payment_reference.clone();
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
        let tokens = text::tokens(&bank);
        // What the store loads first, and then what is foreseen.
        let key = bank_key(&bank, &[0; 32], 1);
        let ids = [payment_id(&key), payment_id_instead(&key)].map(Want::Taken);
        loaded.lookalikes.none_without_id(&bank.bank_account, bank.booking_date);
        loaded.pending.ask_booking(key.clone());
        let named = Want::named_by(&bank, &tokens).chain(ids).chain([Want::Bank(key)]);
        named.for_each(|want| load(&desk.model.set, &mut loaded, want));
        let read: Vec<AccountId> = loaded.accounts_here().keys().cloned().collect();
        loaded.ask(read.into_iter().map(Want::Balances));
        loaded.advices.know_quiet(bank.bank_account.clone());
        let foreseen = foresee(&loaded, &bank, &tokens).expect("amounts");
        foreseen.into_iter().for_each(|want| load(&desk.model.set, &mut loaded, want));
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
        let known = world();
        let names = known.accounts_here().keys().cloned();
        let said = names.map(|id| (id, Override::default())).collect();
        let mut plain = crate::model::Model::new(global.clone());
        let mut empty = crate::model::Model::new(RuleSet::new(7, global, said));
        for message in random_log(seed, RECORDS) {
            let one = plain.feed(&message, message.time);
            prop_assert_eq!(one, empty.feed(&message, message.time));
        }
        prop_assert_eq!(plain.summary(), empty.summary());
    }

    /// Each batch begins with nothing of what can be wanted: what it misses is loaded, and the
    /// result is that of the complete set.
    #[test]
    fn a_batch_decides_like_a_complete_set(seed: u64, apply: bool) {
        let partial = if apply { PartialPolicy::Apply } else { PartialPolicy::Suggest };
        let rules = some_rules(seed, Policy { partial, ..Policy::default() });
        let mut complete = world().complete();
        let log = log(seed);
        for (number, batch) in (0..).zip(batches(&log)) {
            let before = complete.clone();
            let expected = decide_all(&mut complete, batch, number * 100, &rules);
            let (mut after, decided) =
                until_loaded(&before, &mut first_load(&before, batch), |set| {
                    decide_all(set, batch, number * 100, &rules)
                });
            prop_assert_eq!(Ok(decided), expected);
            remember_lots(&before, &mut after);
            let payments = with_what_was(before.payments_here(), after.payments_here());
            prop_assert_eq!(&payments, complete.payments_here());
            let invoices = with_what_was(before.invoices_here(), after.invoices_here());
            prop_assert_eq!(&invoices, complete.invoices_here());
            prop_assert_eq!(balances(&[&before, &after]), balances(&[&complete]));
            prop_assert_eq!(&after.usage.lots, &complete.usage.lots);
            let (holds, after) = (before.usage.holds_here(), after.usage.holds_here());
            prop_assert_eq!(&with_what_was(holds, after), complete.usage.holds_here());
        }
    }
}

/// Which kind of want it is: each new one belongs here, and is asked for in the test below.
fn kind(want: &Want) -> usize {
    match want {
        Want::Payer(_) => 0,
        Want::Virtual(_) => 1,
        Want::Reference(_) => 2,
        Want::Number(_) => 3,
        Want::Bank(_) => 4,
        Want::LastEqual(..) => 5,
        Want::Exact(..) => 6,
        Want::Oldest(..) => 7,
        Want::Book(..) => 8,
        Want::Near(_) => 9,
        Want::Namesakes(_) => 10,
        Want::Held(..) => 11,
        Want::Lots(..) => 12,
        Want::Account(_) => 13,
        Want::Balances(_) => 14,
        Want::Limits(_) => 15,
        Want::SetAside(_) => 16,
        Want::Charge(..) => 17,
        Want::Refund(..) => 18,
        Want::Hold(..) => 19,
        Want::Suggested(_) => 20,
        Want::Taught(_) => 21,
        Want::Advice(_) => 22,
        Want::AdviceOf(_) => 23,
        Want::Twins(..) => 24,
        Want::Fitting(..) => 25,
        Want::Payment(_) => 26,
        Want::Taken(_) => 27,
        Want::Whole(_) => 28,
        Want::Original(_) => 29,
        Want::ToldTwice(_) => 30,
        Want::Returned(..) => 31,
        Want::ReturnsOf(_) => 32,
        Want::Parked(_) => 33,
        Want::Announced(..) => 34,
        Want::BookedAlready(..) => 35,
        Want::WithoutId(..) => 36,
        Want::WithId(..) => 37,
        Want::ToldSteps(..) => 38,
        Want::BankRecord(_) => 39,
        Want::Watchers(_) => 40,
        Want::Holders(..) => 41,
        Want::Queue(_) => 42,
        Want::Waits(_) => 43,
        Want::Advised(_) => 44,
    }
}

const KINDS: usize = 45;

/// Decides the batch on the complete set; then, of all that it wanted, leaves out exactly one, of
/// each kind: it is missed, or nothing depends on it.
fn leave_out_each(
    complete: &mut WorkingSet,
    batch: &[Message],
    first: i64,
    rules: &RuleSet,
    missed: &mut [usize; KINDS],
) {
    let before = complete.clone();
    let decide = |set: &mut WorkingSet| decide_all(set, batch, first, rules);
    let expected = decide(complete).expect("a complete set misses nothing");
    let mut wants = Vec::new();
    until_loaded(&before, &mut first_load(&before, batch), |set| {
        let decided = decide(set);
        if let Err(Stop::Miss(missing)) = &decided {
            wants.extend(missing.iter().cloned());
        }
        decided
    });
    for left_out in (0..KINDS).filter_map(|of| wants.iter().rfind(|want| kind(want) == of)) {
        let mut but_one = first_load(&before, batch);
        let others = wants.iter().filter(|want| *want != left_out);
        others.for_each(|want| load(&before, &mut but_one, want.clone()));
        let (_, decided) = until_loaded(&before, &mut but_one, |set| {
            let decided = decide(set);
            if let Err(Stop::Miss(missing)) = &decided {
                missed[kind(left_out)] += usize::from(missing.contains(left_out));
            }
            decided
        });
        assert_eq!(decided, expected, "without {left_out:?}");
    }
}

/// A payment that names an invoice over its amount by its number, of a payer with another name.
fn by_another_name(world: &WorkingSet, like: &Message) -> Option<Message> {
    let invoice = world.invoices_here().values().find(|invoice| invoice.is_payable())?;
    let bank = BankTransaction {
        amount: invoice.due().expect("due"),
        debtor_name: Some("Globex".to_owned()),
        ..credit_saying("ANOTHER", "1", &[invoice.invoice_id.as_str()])
    };
    Some(Message { input: Input::BankTransaction(Box::new(bank)), tokens: None, ..like.clone() })
}

/// A world, and what undoes a return of it by the end-to-end id of what was returned.
fn undone_by_its_order() -> (WorkingSet, Message) {
    let order = Some("E2E-7F3A".to_owned());
    let mut desk = Desk::with_customers(Policy::default());
    desk.receive(BankTransaction {
        end_to_end_id: order.clone(),
        ..credit_from("1", "50", "PAYERA")
    });
    desk.bank(returned("R1", "1", "50"));
    let of = ReturnOf { bank_transaction_id: None, end_to_end_id: order, reason: None };
    let back = BankTransaction { return_of: Some(of), ..unreturned("U1", "-", "50") };
    let message = desk.message(Input::BankTransaction(Box::new(back)));
    (with_locks(desk), message)
}

/// A world, and records that may be some of it again, or that announced it or were announced.
fn told_twice_or_announced() -> (WorkingSet, Vec<Message>) {
    let pending = |bank: BankTransaction| BankTransaction { status: EntryStatus::Pending, ..bank };
    let nameless = |bank: BankTransaction| BankTransaction { bank_transaction_id: None, ..bank };
    let of_a = |id: &str, amount: &str| credit_from(id, amount, "PAYERA");
    let mut desk = Desk::with_customers(Policy::default());
    desk.receive(of_a("1", "50"));
    desk.bank(pending(of_a("P1", "60")));
    desk.receive(of_a("2", "61"));
    desk.bank(returned("R1", "1", "20"));
    let records = [
        nameless(of_a("-", "50")),
        of_a("3", "60"),
        pending(of_a("P2", "61")),
        nameless(returned("-", "1", "20")),
    ];
    let messages = records.map(|bank| desk.message(Input::BankTransaction(Box::new(bank))));
    (with_locks(desk), messages.into())
}

fn with_locks(desk: Desk) -> WorkingSet {
    let mut world = desk.model.set;
    world.usage.keeps_lots = true;
    let all: Vec<_> = world.accounts_here().keys().cloned().collect();
    world.locked.extend(all);
    world
}

/// The end of a command that waits.
fn cancelled(like: &Message, waits: &RecordId) -> Message {
    let cancel = CancelCommand {
        account_id: Some(account("ACC-0")),
        record: waits.clone(),
        reason: "wrong".to_owned(),
    };
    let id = MessageId::trusted("CANCEL");
    let record = RecordId { id, ..like.record.clone() };
    Message { record, input: Input::Command(Command::CancelCommand(cancel)), ..like.clone() }
}

#[test]
fn what_alone_is_not_loaded_is_missed_and_never_counts_as_not_there() {
    let mut missed = [0; KINDS];
    for seed in 0..LEFT_OUT_SEEDS {
        let rules = some_rules(seed, Policy::default());
        let mut complete = world().complete();
        let log = log(seed);
        for (number, batch) in (0..).zip(batches(&log)) {
            leave_out_each(&mut complete, batch, number * 100, &rules, &mut missed);
        }
        let last = log.last().and_then(|like| by_another_name(&complete, like));
        leave_out_each(&mut complete, last.as_slice(), 90_000, &rules, &mut missed);
        let Some(like) = log.last() else { continue };
        complete.know_waits(like.record.clone(), account("ACC-0"));
        let cancel = cancelled(like, &like.record);
        leave_out_each(&mut complete, &[cancel], 91_000, &rules, &mut missed);
    }
    let plain = RuleSet::from(Policy::default());
    let (mut world, back) = undone_by_its_order();
    leave_out_each(&mut world, &[back], 91_000, &plain, &mut missed);
    let (mut world, records) = told_twice_or_announced();
    for (number, record) in (92_000..).step_by(100).zip(records) {
        leave_out_each(&mut world, &[record], number, &plain, &mut missed);
    }
    assert!(missed.iter().all(|times| *times > 0), "never missed alone: {missed:?}");
}
