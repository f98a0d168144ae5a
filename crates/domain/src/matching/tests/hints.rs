//! R4b, R9, R10, R13: what is suggested and never decided.

use crate::allocation::Rule;
use crate::bank::BankTransaction;
use crate::matching::policy::{PartialPolicy, Policy};
use crate::payment::{ParkReason, PaymentState};
use crate::testkit::*;

fn desk(invoices: &[(&str, &str, &str)]) -> Desk {
    let mut desk = Desk::with_customers(Policy::default());
    for (id, owner, amount) in invoices {
        desk.invoice(id, owner, amount);
    }
    desk
}

/// The reference of an invoice with its last two characters changed for others.
fn mistyped(desk: &Desk, id: &str) -> String {
    let reference = desk.reference(id);
    let (head, last) = reference.split_at(reference.len() - 1);
    format!("{head}{}", if last == "7" { "3" } else { "7" })
}

#[test]
fn a_mistyped_reference_is_suggested_whatever_the_amount() {
    let mut desk = desk(&[("INV-1", "A", "100"), ("INV-2", "B", "100")]);
    let text = mistyped(&desk, "INV-2");
    for (id, amount) in [("1", "100"), ("2", "70")] {
        let got = desk.receive(credit_saying(id, amount, &[&text]));
        assert_eq!(got, (Rule::TypingMistake, parked(ParkReason::NearReference)));
        assert_eq!((desk.suggested(id), desk.owner(id)), (vec!["INV-2"], None));
    }
}

#[test]
fn a_mistyped_reference_picks_among_the_payers_own_invoices() {
    let mut desk = desk(&[("INV-1", "A", "100"), ("INV-2", "A", "100"), ("INV-3", "B", "100")]);
    let text = mistyped(&desk, "INV-2");
    let from = |id: &str, text: String| BankTransaction {
        unstructured: vec![text],
        ..credit_from(id, "100", "PAYERA")
    };
    assert_eq!(desk.receive(from("1", text)), (Rule::EqualAmounts, PaymentState::Allocated));
    assert_eq!(desk.pays("1"), ["INV-2 100.00 SGD"]);
    // Another customer's invoice: nobody knows who is meant.
    let text = mistyped(&desk, "INV-3");
    let got = desk.receive(from("2", text));
    assert_eq!(got, (Rule::TypingMistake, parked(ParkReason::IdentityConflict)));
    assert_eq!((desk.suggested("2"), desk.owner("2")), (vec!["INV-3"], None));
}

#[test]
fn a_number_with_a_rival_one_digit_away_is_for_a_person() {
    let mut desk = desk(&[("INV-1001", "A", "100"), ("INV-1002", "B", "100")]);
    let got = desk.receive(credit_saying("1", "100", &["INV-1001"]));
    assert_eq!(got, (Rule::InvoiceNumber, parked(ParkReason::Uncorroborated)));
    assert_eq!(desk.suggested("1"), ["INV-1001", "INV-1002"]);
    let named = BankTransaction {
        debtor_name: Some("CUSTOMER, A PTE LTD".to_owned()),
        ..credit_saying("2", "100", &["INV-1001"])
    };
    assert_eq!(desk.receive(named), (Rule::InvoiceNumber, parked(ParkReason::Uncorroborated)));
    // Only of the same customer: the wallet is the same.
    let mut desk = self::desk(&[("INV-1001", "A", "100"), ("INV-1002", "A", "100")]);
    let got = desk.receive(credit_saying("1", "100", &["INV-1001"]));
    assert_eq!(got, (Rule::InvoiceNumber, PaymentState::Allocated));
}

#[test]
fn a_mistyped_number_is_suggested_with_the_amount_only() {
    let mut desk = desk(&[("INV-1001", "A", "100")]);
    let got = desk.receive(credit_saying("1", "100", &["INV-1010"]));
    assert_eq!(got, (Rule::TypingMistake, parked(ParkReason::NearReference)));
    assert_eq!(desk.suggested("1"), ["INV-1001"]);
    let got = desk.receive(credit_saying("2", "70", &["INV-1010"]));
    assert_eq!(got, (Rule::NothingFound, parked(ParkReason::NoCandidate)));
}

#[test]
fn the_only_group_that_adds_up_is_suggested() {
    let mut desk = desk(&[("INV-1", "A", "60"), ("INV-2", "A", "40"), ("INV-3", "A", "7")]);
    let got = desk.receive(credit_from("1", "100", "PAYERA"));
    assert_eq!(got, (Rule::GroupOfInvoices, PaymentState::OnAccount));
    assert_eq!(desk.suggested("1"), ["INV-1", "INV-2"]);
    desk.invoice("INV-4", "A", "93");
    let got = desk.receive(credit_from("2", "100", "PAYERA"));
    assert_eq!(got, (Rule::NoFittingAmount, PaymentState::OnAccount));
    assert_eq!(desk.decision("2").explanation.notes, ["several groups of invoices fit"]);
}

#[test]
fn what_the_bank_kept_may_be_missing() {
    let short = |bank: BankTransaction| BankTransaction { charges: Some(money("5")), ..bank };
    let mut desk = desk(&[("INV-1", "A", "100")]);
    let reference = desk.reference("INV-1");
    let suggested = (Rule::BankCharges, parked(ParkReason::PartialPayment));
    assert_eq!(desk.receive(short(credit_saying("1", "95", &[&reference]))), suggested);
    assert_eq!(desk.suggested("1"), ["INV-1"]);
    let got = desk.receive(short(credit_from("2", "95", "PAYERA")));
    assert_eq!(got, (Rule::BankCharges, PaymentState::OnAccount));
    let more = desk.receive(short(credit_saying("3", "94.99", &[&reference])));
    assert_eq!(more, (Rule::CheckedReference, parked(ParkReason::PartialPayment)));

    let policy = Policy { fee: PartialPolicy::Apply, ..Policy::default() };
    let mut desk = Desk::with_customers(policy);
    desk.invoice("INV-1", "A", "100");
    let reference = desk.reference("INV-1");
    let got = desk.receive(short(credit_saying("1", "95", &[&reference])));
    assert_eq!(got, (Rule::BankCharges, PaymentState::Allocated));
    // A tolerance gives no balance away.
    assert_eq!(desk.balance("A"), money("95"));
    assert_eq!(desk.invoice_now("INV-1").due(), Ok(money("5")));
}

#[test]
fn a_name_and_an_amount_are_suggested() {
    let mut desk = Desk::new();
    for (owner, name) in [("A", "Acme Trading Pte Ltd"), ("B", "Globex Inc")] {
        let mut customer = upsert(owner);
        name.clone_into(&mut customer.name);
        desk.apply(crate::input::Command::UpsertAccount(customer));
    }
    desk.invoice("INV-1", "A", "100");
    desk.invoice("INV-2", "B", "100");
    let named = |id: &str, name: &str| BankTransaction {
        debtor_name: Some(name.to_owned()),
        ..credit(id, "100")
    };
    let got = desk.receive(named("1", "ACME TRADING"));
    assert_eq!(got, (Rule::PayerName, parked(ParkReason::NameOnly)));
    assert_eq!((desk.suggested("1"), desk.owner("1")), (vec!["INV-1"], None));
    assert_eq!(
        desk.receive(named("2", "Acme")),
        (Rule::NothingFound, parked(ParkReason::NoCandidate))
    );
    // Two invoices of this customer: the amount is not unique.
    desk.invoice("INV-3", "A", "100");
    let got = desk.receive(named("3", "ACME TRADING"));
    assert_eq!(got, (Rule::NothingFound, parked(ParkReason::NoCandidate)));
}
