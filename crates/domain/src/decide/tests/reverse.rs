//! De-allocating and removing: what is spent, held or not proven stays where it is.

use crate::effect::{Need, Outcome};
use crate::event::Fact;
use crate::input::Command;
use crate::invoice::InvoiceStatus;
use crate::matching::policy::Policy;
use crate::payment::PaymentState;
use crate::rejection::Rejection;
use crate::testkit::{
    Desk, allocate, credit_saying, deallocate, invoice, mark_sent, money, payment, record, remove,
    void,
};

/// Two topups of 100, the older first, and a usage feed that is complete up to now.
fn two_topups() -> Desk {
    let mut desk = Desk::with_customers(Policy::default());
    for number in [1, 2] {
        let (billed, paid) = (format!("I{number}"), format!("P{number}"));
        desk.invoice(&billed, "A", "100");
        desk.apply(Command::RecordPayment(record(&paid, Some("A"), "100")));
        desk.apply(allocate(&paid, "A", &[(&billed, "")]));
        desk.pass_minute();
    }
    desk.watermark();
    desk
}

fn refused(desk: &mut Desk, command: Command, rejection: Rejection) {
    let before = desk.model.summary();
    let outcome = desk.hand_in(command);
    assert_eq!(outcome, Outcome::Rejected(rejection));
    let mut after = desk.model.summary();
    after.events.clone_from(&before.events);
    assert_eq!(before, after, "a refusal changes nothing");
}

fn state(desk: &Desk, id: &str) -> PaymentState {
    desk.model.set.payments_here()[&payment(id)].state
}

#[test]
fn edge_47_with_fifty_of_two_hundred_spent_the_older_topup_stays_and_the_newer_may_go() {
    let mut desk = two_topups();
    desk.charge("U1", "A", "50");
    refused(&mut desk, deallocate("P1", "I1", "A"), Rejection::LotSpent);
    desk.apply(deallocate("P2", "I2", "A"));
    assert_eq!(desk.balance("A"), money("50"));
    assert_eq!(desk.lots("A"), ["50.00", "0.00"]);
}

#[test]
fn what_was_taken_off_is_due_again_and_lies_on_the_payment() {
    let mut desk = two_topups();
    desk.pass_days(3);
    desk.watermark();
    desk.apply(deallocate("P1", "I1", "A"));
    let told = ["payment.deallocated", "invoice.payment-due-restored", "balance.changed"];
    assert_eq!(desk.told(), told);
    let billed = desk.invoice_now("I1");
    assert_eq!((billed.status, billed.due()), (InvoiceStatus::AwaitingPayment, Ok(money("100"))));
    assert_eq!(billed.stale_since, Some(desk.now), "its age counts from now");
    let paid = &desk.model.set.payments_here()[&payment("P1")];
    assert_eq!((paid.state, paid.unallocated()), (PaymentState::OnAccount, Ok(money("100"))));
    assert_eq!(desk.balance("A"), money("100"));
    // The other way round it is allowed: a command may put together what a command took apart.
    desk.apply(allocate("P1", "A", &[("I1", "")]));
    assert_eq!(desk.balance("A"), money("200"));
    assert_eq!(desk.lots("A"), ["0.00", "100.00", "100.00"]);
}

#[test]
fn edge_49_a_call_in_progress_holds_the_oldest_money() {
    let mut desk = two_topups();
    desk.hold("H1", "A", "20");
    refused(&mut desk, deallocate("P1", "I1", "A"), Rejection::LotHeld);
    refused(&mut desk, remove("P1", "A"), Rejection::LotHeld);
    desk.apply(deallocate("P2", "I2", "A"));
    desk.release("H1", "A", "20");
    desk.apply(deallocate("P1", "I1", "A"));
    assert_eq!(desk.balance("A"), money("0"));
}

#[test]
fn a_hold_that_reaches_into_the_next_lot_keeps_both() {
    let mut desk = two_topups();
    desk.hold("H1", "A", "100.01");
    refused(&mut desk, deallocate("P2", "I2", "A"), Rejection::LotHeld);
}

#[test]
fn edge_48_a_refunded_charge_leaves_the_lot_unspent() {
    let mut desk = two_topups();
    desk.charge("U1", "A", "50");
    refused(&mut desk, remove("P1", "A"), Rejection::LotSpent);
    desk.refund("R1", "U1", "A", "49.99");
    refused(&mut desk, remove("P1", "A"), Rejection::LotSpent);
    desk.refund("R2", "U1", "A", "0.01");
    desk.apply(remove("P1", "A"));
    assert_eq!(state(&desk, "P1"), PaymentState::Removed);
}

#[test]
fn edge_51_what_cleared_a_debt_is_spent() {
    let mut desk = Desk::new();
    desk.charge("U1", "A", "30");
    desk.invoice("I1", "A", "100");
    desk.apply(Command::RecordPayment(record("P1", Some("A"), "100")));
    desk.apply(allocate("P1", "A", &[("I1", "")]));
    desk.watermark();
    assert_eq!(desk.balance("A"), money("70"));
    refused(&mut desk, deallocate("P1", "I1", "A"), Rejection::LotSpent);
}

#[test]
fn edge_50_without_a_complete_usage_feed_the_command_waits_for_the_proof() {
    let mut desk = two_topups();
    desk.pass_minute();
    let asked = desk.message(crate::input::Input::Command(remove("P2", "A")));
    let asked_at = desk.now;
    assert_eq!(desk.feed(&asked), Outcome::Waiting(Need::Proof(asked_at)));
    assert_eq!(desk.told(), ["command.pending-proof"]);
    let Some(Fact::CommandPendingProof { needs_usage_through, .. }) =
        desk.model.set.events.last().map(|event| &event.fact)
    else {
        panic!("a command that waits for a proof")
    };
    assert_eq!(*needs_usage_through, asked_at);
    // What a customer spent before the request arrives after it: the request is refused.
    desk.charge("U1", "A", "150");
    desk.pass_minute();
    desk.watermark();
    let refused = Outcome::Rejected(Rejection::LotSpent);
    assert_eq!(desk.model.outcome_of(&asked.record), Some(&refused));
    assert_eq!(state(&desk, "P2"), PaymentState::Allocated);
}

#[test]
fn a_proof_that_comes_lets_the_command_go_on_and_keeps_those_behind_it_in_order() {
    let mut desk = two_topups();
    desk.pass_minute();
    assert!(matches!(desk.hand_in(remove("P2", "A")), Outcome::Waiting(Need::Proof(_))));
    let behind = desk.hand_in(mark_sent("I2", "A"));
    assert!(matches!(behind, Outcome::Waiting(Need::Behind(_))), "{behind:?}");
    let told = desk.model.set.events.len();
    desk.charge("U1", "A", "10");
    assert_eq!(desk.model.set.events.len(), told + 1, "it is told once that a proof is awaited");
    desk.watermark();
    assert_eq!(state(&desk, "P2"), PaymentState::Removed);
    assert!(desk.model.waiting.is_empty());
    assert_eq!(desk.invoice_now("I2").status, InvoiceStatus::AwaitingPayment);
}

#[test]
fn at_the_deadline_what_was_not_proven_is_refused() {
    let mut desk = two_topups();
    desk.pass_minute();
    let asked = desk.message(crate::input::Input::Command(deallocate("P2", "I2", "A")));
    desk.feed(&asked);
    desk.model.expire(desk.now);
    let refused = Outcome::Rejected(Rejection::UsageProofUnavailable);
    assert_eq!(desk.model.outcome_of(&asked.record), Some(&refused));
    assert_eq!(desk.told().last(), Some(&"command.rejected"));
    assert_eq!(state(&desk, "P2"), PaymentState::Allocated);
}

#[test]
fn removing_takes_all_or_nothing_and_is_final() {
    let mut desk = Desk::new();
    for (id, amount) in [("I1", "60"), ("I2", "30")] {
        desk.invoice(id, "A", amount);
    }
    desk.apply(Command::RecordPayment(record("P", Some("A"), "100")));
    desk.apply(allocate("P", "A", &[("I1", ""), ("I2", "")]));
    desk.charge("U1", "A", "70");
    desk.watermark();
    // The first is spent, ten of the second too: nothing happens.
    refused(&mut desk, remove("P", "A"), Rejection::LotSpent);
    desk.refund("R1", "U1", "A", "70");
    desk.apply(remove("P", "A"));
    assert_eq!((state(&desk, "P"), desk.balance("A")), (PaymentState::Removed, money("0")));
    assert_eq!(desk.told()[0], "payment.removed");
    refused(&mut desk, remove("P", "A"), Rejection::PaymentRemoved);
    refused(&mut desk, allocate("P", "A", &[("I1", "")]), Rejection::PaymentRemoved);
}

#[test]
fn money_that_tops_nothing_up_is_removed_without_a_proof() {
    let mut desk = Desk::new();
    desk.apply(Command::RecordPayment(record("P", Some("A"), "100")));
    desk.apply(remove("P", "A"));
    desk.apply(Command::RecordPayment(record("Q", None, "100")));
    refused(&mut desk, remove("Q", "A"), Rejection::PaymentNotAssigned);
}

#[test]
fn edge_53_automatic_matching_does_not_put_back_what_a_person_took_off() {
    let mut desk = Desk::with_customers(Policy::default());
    desk.invoice("I1", "A", "100");
    let reference = desk.reference("I1");
    desk.bank(credit_saying("1", "100", &[&reference]));
    desk.watermark();
    desk.apply(deallocate("BANK:OURS:1", "I1", "A"));
    assert_eq!(desk.state("1"), PaymentState::OnAccount);
    // Sent again, looked at again by the job: it stays.
    desk.apply(mark_sent("I1", "A"));
    let again = desk.message(crate::input::Input::Rematch(payment("BANK:OURS:1")));
    desk.feed(&again);
    assert_eq!(desk.state("1"), PaymentState::OnAccount);
    assert!(desk.pays("1").is_empty());
    // Another invoice of the same amount is not taken either: its text says what it was for.
    desk.invoice("I2", "A", "100");
    assert!(desk.pays("1").is_empty());
    desk.apply(allocate("BANK:OURS:1", "A", &[("I2", "")]));
}

#[test]
fn edge_63_after_the_last_part_is_taken_off_the_invoice_may_be_voided() {
    let mut desk = Desk::new();
    desk.invoice("I", "A", "100");
    desk.apply(Command::RecordPayment(record("P", Some("A"), "40")));
    desk.apply(allocate("P", "A", &[("I", "")]));
    desk.watermark();
    refused(&mut desk, void("I", "A"), Rejection::InvoiceHasAllocations);
    desk.apply(deallocate("P", "I", "A"));
    desk.apply(void("I", "A"));
    assert!(!desk.model.set.pairs_here().values().flatten().any(|id| *id == invoice("I")));
}

#[test]
fn edge_57_a_provisioned_invoice_cannot_be_voided_but_after_it_is_unpaid() {
    let mut desk = two_topups();
    refused(&mut desk, void("I2", "A"), Rejection::InvoiceAlreadyProvisioned);
    desk.apply(deallocate("P2", "I2", "A"));
    desk.apply(void("I2", "A"));
    assert_eq!(desk.balance("A"), money("100"), "once, not twice");
    refused(&mut desk, allocate("P2", "A", &[("I2", "")]), Rejection::InvoiceVoided);
}

#[test]
fn edge_64_an_invoice_that_is_unpaid_again_is_not_stale_at_once() {
    let mut desk = two_topups();
    let sent = desk.invoice_now("I1").sent_at;
    desk.pass_days(60);
    desk.watermark();
    desk.apply(deallocate("P1", "I1", "A"));
    let billed = desk.invoice_now("I1");
    assert_eq!((billed.sent_at, billed.stale_since), (sent, Some(desk.now)));
}
