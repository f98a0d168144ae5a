//! What only a person answers stays a question, whatever happens to the payment meanwhile: what
//! may be the same money is not paid as a second one, and what a person took apart or out no rule
//! puts together again.

use super::commands::release;
use super::split::{disposition, sound};
use super::split_returns::take;
use crate::bank::BankTransaction;
use crate::effect::BankDisposition;
use crate::ids::{BankKey, Source};
use crate::input::{Command, Input};
use crate::matching::policy::Policy;
use crate::payment::{ParkReason, PaymentState};
use crate::testkit::{
    Desk, allocate, assign, banked, credit_saying, money, parked, remove, returned, split,
    unreturned, unsplit,
};

const TWIN: &str = "BANK:OURS:1";

fn told(desk: &mut Desk, id: Option<&str>, source: &str) {
    let bank = BankTransaction {
        bank_transaction_id: id.map(str::to_owned),
        debtor_account: Some("PAYERA".to_owned()),
        ..credit_saying("1", "100", &["INV-1"])
    };
    let mut message = desk.message(Input::BankTransaction(Box::new(bank)));
    message.record.source = Source::trusted(source);
    message.time = desk.now;
    desk.feed(&message);
}

/// One transfer, told by two feeds: the first is on INV-1, the second is in question.
fn twins() -> Desk {
    let mut desk = Desk::with_customers(Policy::default());
    desk.invoice("INV-1", "A", "100");
    told(&mut desk, None, "csv");
    told(&mut desk, Some("1"), "bank");
    assert_eq!(desk.state("1"), parked(ParkReason::PossibleDuplicate));
    assert_eq!(desk.balance("A"), money("100"));
    desk.watermark();
    desk
}

/// Everything that decides by itself: invoices that are sent, and the job `rematch`.
fn try_all(desk: &mut Desk, amounts: &[&str]) {
    for (number, amount) in amounts.iter().enumerate() {
        desk.invoice(&format!("INV-1{number}"), "A", amount);
    }
    let again = desk.message(Input::Rematch(banked("1")));
    desk.feed(&again);
    sound(desk);
}

fn is_asked(desk: &mut Desk, expected: PaymentState, left: &str, told: &str) {
    try_all(desk, &[left, "100"]);
    assert_eq!(desk.state("1"), expected, "{told}");
    assert_eq!(desk.payment_now("1").allocated, money("0"), "{told}");
    assert_eq!(desk.balance("A"), money("100"), "{told}");
}

fn run(desk: &mut Desk, commands: Vec<Command>) {
    commands.into_iter().for_each(|command| desk.apply(command));
}

#[test]
fn money_that_may_be_there_already_stays_in_question() {
    let again = parked(ParkReason::PossibleDuplicate);
    let mut desk = twins();
    is_asked(&mut desk, again, "100", "as it came");

    let mut desk = twins();
    desk.bank(returned("2", "1", "100"));
    desk.bank(unreturned("3", "2", "100"));
    is_asked(&mut desk, again, "100", "returned, and undone");

    let mut desk = twins();
    desk.bank(returned("2", "1", "30"));
    desk.bank(unreturned("3", "2", "30"));
    is_asked(&mut desk, again, "100", "part of it returned, and undone");

    let mut desk = twins();
    run(&mut desk, vec![split(TWIN, "B", &[("B", "100", &[])]), unsplit(TWIN, "B")]);
    is_asked(&mut desk, again, "100", "split, and undone");

    let mut desk = twins();
    run(&mut desk, vec![release(TWIN, None, Some("30"))]);
    desk.bank(returned("2", "1", "70"));
    desk.bank(unreturned("3", "2", "70"));
    is_asked(&mut desk, again, "70", "paid back in part, the rest returned, and undone");

    let mut desk = twins();
    desk.bank(returned("2", "1", "30"));
    run(&mut desk, vec![remove(TWIN, "A")]);
    desk.bank(unreturned("3", "2", "30"));
    is_asked(&mut desk, PaymentState::Removed, "30", "removed as the same, a part came back");
}

/// The bank takes the money back once, and names the one of the two that is in question: whose it
/// is a person says.
#[test]
fn a_return_of_what_is_in_question_waits_for_a_person() {
    let mut desk = twins();
    desk.bank(returned("2", "1", "100"));
    assert_eq!(disposition(&desk, "2"), BankDisposition::ReturnParked);
    assert_eq!(desk.balance("A"), money("100"));
    let paid = desk.model.set.payments_here().keys().find(|id| id.as_str() != TWIN);
    let paid = paid.expect("the first").as_str().to_owned();
    desk.apply(take("A", &[(&paid, "")], None));
    assert_eq!(disposition(&desk, "2"), BankDisposition::Returned);
    assert_eq!(desk.balance("A"), money("0"));
    sound(&desk);
    // A person said that they are the same: what is there goes back.
    let mut desk = twins();
    desk.apply(remove(TWIN, "A"));
    desk.bank(returned("2", "1", "100"));
    assert_eq!(disposition(&desk, "2"), BankDisposition::Returned);
    assert_eq!(desk.balance("A"), money("0"));
    sound(&desk);
    // Money of its own after all.
    let mut desk = twins();
    desk.bank(returned("2", "1", "100"));
    desk.apply(assign(TWIN, "A"));
    let key = BankKey { bank_account: "OURS".to_owned(), key: "reversal:2".to_owned() };
    let again = desk.message(Input::RetryReturn(key));
    desk.feed(&again);
    assert_eq!(disposition(&desk, "2"), BankDisposition::Returned);
    assert_eq!((desk.state("1"), desk.balance("A")), (PaymentState::Returned, money("100")));
}

/// A split that is undone, a removed payment of which some came back: only a person goes on.
#[test]
fn what_a_person_took_apart_or_out_no_rule_puts_together() {
    let unknown = || {
        let mut desk = Desk::with_customers(Policy::default());
        desk.bank(credit_saying("1", "100", &["INV-10 INV-11"]));
        desk.watermark();
        desk
    };
    let mut desk = unknown();
    run(&mut desk, vec![split(TWIN, "B", &[("B", "100", &[])]), unsplit(TWIN, "B")]);
    try_all(&mut desk, &["40", "60", "100"]);
    assert_eq!(desk.state("1"), parked(ParkReason::SplitUndone));

    let mut desk = unknown();
    desk.bank(returned("2", "1", "40"));
    run(&mut desk, vec![assign(TWIN, "A"), remove(TWIN, "A")]);
    desk.bank(unreturned("3", "2", "40"));
    try_all(&mut desk, &["40", "60", "100"]);
    assert_eq!((desk.state("1"), desk.balance("A")), (PaymentState::OnAccount, money("0")));

    let mut desk = unknown();
    desk.bank(returned("2", "1", "40"));
    run(&mut desk, vec![release(TWIN, None, None)]);
    desk.bank(unreturned("3", "2", "40"));
    try_all(&mut desk, &["40", "60", "100"]);
    assert!(desk.payment_now("1").allocated.is_zero(), "{:?}", desk.state("1"));
    assert_eq!(desk.balance("A"), money("0"));
}

/// A person's word answers it: from then on it is money as any other.
#[test]
fn a_person_answers_the_question() {
    let mut desk = twins();
    run(&mut desk, vec![assign(TWIN, "A")]);
    assert_eq!(desk.payment_now("1").question, None);

    let mut desk = twins();
    desk.invoice("INV-9", "A", "60");
    run(&mut desk, vec![assign(TWIN, "A"), allocate(TWIN, "A", &[("INV-9", "")])]);
    assert_eq!(desk.balance("A"), money("160"));
    desk.bank(returned("2", "1", "100"));
    desk.bank(unreturned("3", "2", "100"));
    assert_eq!(desk.balance("A"), money("160"));
}
