//! Cases 25, 26, 29 and 32: what comes early, and what comes late.

use crate::allocation::Rule;
use crate::bank::BankTransaction;
use crate::effect::Outcome;
use crate::invoice::InvoiceStatus;
use crate::matching::policy::Policy;
use crate::payment::{ParkReason, PaymentState};
use crate::testkit::*;

fn desk() -> Desk {
    Desk::with_customers(Policy::default())
}

/// The money comes before the invoice is marked as sent. It is parked, watches for the reference,
/// and pays at the moment of sending.
#[test]
fn edge_25_money_before_the_sending_pays_when_it_is_sent() {
    let mut desk = desk();
    desk.draft("INV-1", "A", "100");
    let reference = desk.reference("INV-1");
    let got = desk.receive(credit_saying("1", "100", &[&reference]));
    assert_eq!(got, (Rule::CheckedReference, parked(ParkReason::NotSent)));
    assert_eq!((desk.balance("A"), desk.owner("1")), (money("0"), Some("A")));
    desk.apply(mark_sent("INV-1", "A"));
    assert_eq!(desk.state("1"), PaymentState::Allocated);
    assert_eq!(desk.invoice_now("INV-1").status, InvoiceStatus::Provisioned);
    assert_eq!(desk.balance("A"), money("100"));
}

/// The money comes before the invoice exists. It is a payment at once, waits for nothing and is
/// no dead letter. Its watch ends with the money, not after a time: money does not go stale.
#[test]
fn edge_26_money_before_the_invoice_exists_pays_when_it_does() {
    let mut desk = desk();
    let outcome = desk.bank(credit_saying("1", "100", &["for INV-1001"]));
    assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
    assert_eq!(desk.state("1"), parked(ParkReason::NoCandidate));
    assert!(desk.model.waiting.is_empty());
    desk.model.expire(desk.now);
    // The day of the payment is the day of the invoice: a later one would need a person.
    desk.draft("INV-1001", "A", "100");
    assert_eq!(desk.state("1"), parked(ParkReason::NoCandidate));
    desk.apply(mark_sent("INV-1001", "A"));
    assert_eq!(desk.decision("1").rule, Rule::InvoiceNumber);
    assert_eq!(desk.pays("1"), ["INV-1001 100.00 SGD"]);
}

/// The money comes a day after the invoice was voided. Void is final: the payment says so, is held
/// for the customer, and a person re-issues the invoice or refunds the money.
#[test]
fn edge_29_money_a_day_after_the_void_is_parked_and_the_void_stays() {
    let mut desk = desk();
    desk.invoice("INV-1", "A", "100");
    let reference = desk.reference("INV-1");
    desk.apply(void("INV-1", "A"));
    desk.pass_days(1);
    let got = desk.receive(credit_saying("1", "100", &[&reference]));
    assert_eq!(got, (Rule::CheckedReference, parked(ParkReason::PaidAfterVoid)));
    assert_eq!((desk.owner("1"), desk.pays("1").len()), (Some("A"), 0));
    assert_eq!(desk.invoice_now("INV-1").status, InvoiceStatus::Voided);
    assert_eq!(desk.balance("A"), money("0"));
}

/// A cheque counts from a day before the invoice was sent. Whoever names the invoice means it;
/// who only fits by amount is suggested.
#[test]
fn edge_32_money_that_counts_before_the_sending_is_taken_only_by_name() {
    let back_dated =
        |bank: BankTransaction| BankTransaction { value_date: Some(day("2026-11-01")), ..bank };
    let mut desk = desk();
    desk.invoice("INV-1", "A", "100");
    let got = desk.receive(back_dated(credit_into("1", "100", "VIRTUALA")));
    assert_eq!(got, (Rule::VirtualAccount, parked(ParkReason::PaidBeforeSent)));
    let got = desk.receive(back_dated(credit_from("2", "100", "PAYERA")));
    assert_eq!(got, (Rule::KnownPayer, parked(ParkReason::PaidBeforeSent)));
    assert_eq!((desk.suggested("2"), desk.balance("A")), (vec!["INV-1"], money("0")));
    let reference = desk.reference("INV-1");
    let got = desk.receive(back_dated(credit_saying("3", "100", &[&reference])));
    assert_eq!(got, (Rule::CheckedReference, PaymentState::Allocated));
}
