//! Commands that come before what they name: they wait, in order, and no longer than they must.

use crate::domain::effect::{Need, Outcome};
use crate::domain::ids::RecordId;
use crate::domain::input::{Command, Input, Message};
use crate::domain::invoice::InvoiceStatus;
use crate::domain::rejection::{DeadLetterReason, Rejection};
use crate::domain::testkit::*;

fn message(desk: &mut Desk, command: Command) -> Message {
    desk.message(Input::Command(command))
}

fn outcome_now<'a>(desk: &'a Desk, record: &RecordId) -> &'a Outcome {
    desk.model.outcome_of(record).expect("a record that was handed in")
}

#[test]
fn a_command_waits_for_what_it_names() {
    let invoice_need = || Need::Invoice(invoice("INV-1"));
    let payment_need = || Need::Payment(payment("PAY-1"));
    let cases = [
        (mark_sent("INV-1", "A"), invoice_need()),
        (void("INV-1", "A"), invoice_need()),
        (keep("INV-1", "A"), invoice_need()),
        (assign("PAY-1", "A"), payment_need()),
        (remove("PAY-1", "A"), payment_need()),
        (allocate("PAY-1", "A", &[("INV-1", "")]), payment_need()),
        (deallocate("PAY-1", "INV-1", "A"), payment_need()),
    ];
    for (command, need) in cases {
        let mut desk = Desk::new();
        assert_eq!(desk.hand_in(command.clone()), Outcome::Waiting(need), "{command:?}");
        assert!(desk.model.set.events.is_empty(), "{command:?}");
    }
}

#[test]
fn what_introduces_something_never_waits() {
    let mut desk = Desk::new();
    desk.hand_in(mark_sent("INV-1", "A"));
    desk.apply(Command::UpsertAccount(upsert("A")));
    desk.apply(Command::RecordPayment(record("PAY-1", Some("A"), "5")));
    desk.invoice("INV-2", "A", "5");
    assert!(desk.model.set.waiting_accounts.contains(&account("A")));
}

#[test]
fn later_commands_of_the_account_keep_their_order() {
    let mut desk = Desk::new();
    desk.draft("INV-2", "A", "5");
    let send_first = message(&mut desk, mark_sent("INV-1", "A"));
    let void_second = message(&mut desk, void("INV-2", "A"));
    let void_first = message(&mut desk, void("INV-1", "A"));
    assert_eq!(desk.feed(&send_first), Outcome::Waiting(Need::Invoice(invoice("INV-1"))));
    assert_eq!(desk.feed(&void_second), Outcome::Waiting(Need::Queue));
    assert_eq!(desk.feed(&void_first), Outcome::Waiting(Need::Queue));
    // Another account does not wait.
    desk.invoice("INV-9", "B", "5");
    desk.apply(void("INV-9", "B"));
    assert_eq!(desk.invoice_now("INV-2").status, InvoiceStatus::Draft);
    desk.draft("INV-1", "A", "5");
    for message in [&send_first, &void_second, &void_first] {
        let outcome = outcome_now(&desk, &message.record);
        assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
    }
    // Sent before it was voided: a voided invoice cannot be sent.
    assert!(desk.invoice_now("INV-1").sent_at.is_some());
    assert_eq!(desk.invoice_now("INV-1").status, InvoiceStatus::Voided);
    assert!(desk.model.waiting.is_empty());
    assert!(desk.model.set.waiting_accounts.is_empty());
}

#[test]
fn the_queue_stops_at_the_first_that_still_waits() {
    let mut desk = Desk::new();
    let send = message(&mut desk, mark_sent("INV-1", "A"));
    let pay = message(&mut desk, allocate("PAY-1", "A", &[("INV-1", "")]));
    let last = message(&mut desk, mark_sent("INV-1", "A"));
    for message in [&send, &pay, &last] {
        desk.feed(message);
    }
    desk.draft("INV-1", "A", "5");
    assert!(matches!(outcome_now(&desk, &send.record), Outcome::Applied { .. }));
    let waits = Outcome::Waiting(Need::Payment(payment("PAY-1")));
    assert_eq!(*outcome_now(&desk, &pay.record), waits);
    assert_eq!(*outcome_now(&desk, &last.record), Outcome::Waiting(Need::Queue));
    desk.apply(Command::RecordPayment(record("PAY-1", Some("A"), "5")));
    assert_eq!(desk.invoice_now("INV-1").status, InvoiceStatus::Provisioned);
    let refused = Outcome::Rejected(Rejection::InvoiceAlreadyProvisioned);
    assert_eq!(*outcome_now(&desk, &last.record), refused);
}

#[test]
fn a_bank_payment_is_worth_waiting_for() {
    let mut desk = Desk::new();
    desk.invoice("INV-1", "A", "5");
    let claim = message(&mut desk, assign("BANK:OURS:1", "A"));
    let pay = message(&mut desk, allocate("BANK:OURS:1", "A", &[("INV-1", "")]));
    desk.feed(&claim);
    desk.feed(&pay);
    desk.bank(credit("1", "5"));
    assert_eq!(desk.pays("1"), ["INV-1 5.00 SGD"]);
}

#[test]
fn at_the_deadline_a_waiting_command_is_a_dead_letter() {
    let mut desk = Desk::new();
    let send = message(&mut desk, mark_sent("INV-1", "A"));
    let behind = message(&mut desk, void("INV-1", "A"));
    desk.feed(&send);
    desk.feed(&behind);
    desk.model.expire(desk.now);
    let missing = Outcome::DeadLettered(DeadLetterReason::DependencyMissing);
    assert_eq!(*outcome_now(&desk, &send.record), missing);
    assert_eq!(*outcome_now(&desk, &behind.record), missing);
    desk.draft("INV-1", "A", "5");
    assert_eq!(desk.invoice_now("INV-1").status, InvoiceStatus::Draft);
    assert_eq!(desk.feed(&send), Outcome::Duplicate);
}

#[test]
fn the_same_record_is_a_duplicate_and_its_id_with_other_content_a_conflict() {
    let mut desk = Desk::new();
    let first = message(&mut desk, Command::CreateInvoice(create("INV-1", "A", "5")));
    let mut other = message(&mut desk, Command::CreateInvoice(create("INV-2", "A", "5")));
    other.record = first.record.clone();
    desk.feed(&first);
    let before = desk.model.summary();
    assert_eq!(desk.feed(&first), Outcome::Duplicate);
    assert_eq!(desk.feed(&other), Outcome::DeadLettered(DeadLetterReason::Conflict));
    assert_eq!(desk.model.summary(), before);
}
