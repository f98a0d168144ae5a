//! R6 to R8, R11, R14, R15: no invoice is named.

use crate::allocation::Rule;
use crate::bank::BankTransaction;
use crate::input::Command;
use crate::matching::policy::Policy;
use crate::payment::{ParkReason, PaymentState};
use crate::testkit::*;

fn desk(invoices: &[(&str, &str, &str)]) -> Desk {
    let mut desk = Desk::with_customers(Policy::default());
    for (id, owner, amount) in invoices {
        desk.invoice(id, owner, amount);
    }
    desk
}

#[test]
fn one_fitting_invoice_of_a_known_customer_is_paid() {
    let invoices = [("INV-1", "A", "100"), ("INV-2", "A", "50"), ("INV-3", "B", "100")];
    let cases = [
        (credit_into("1", "100", "VIRTUALA"), Rule::VirtualAccount, "INV-1 100.00 SGD"),
        (credit_into("1", "100", "virtual-b"), Rule::VirtualAccount, "INV-3 100.00 SGD"),
        (credit_from("1", "100", "PAYERA"), Rule::KnownPayer, "INV-1 100.00 SGD"),
        (credit_from("1", "100", "payer b"), Rule::KnownPayer, "INV-3 100.00 SGD"),
    ];
    for (bank, rule, pays) in cases {
        let mut desk = desk(&invoices);
        assert_eq!(desk.receive(bank), (rule, PaymentState::Allocated));
        assert_eq!(desk.pays("1"), [pays]);
    }
}

#[test]
fn a_virtual_account_outranks_the_payer() {
    let mut desk = desk(&[("INV-1", "A", "100"), ("INV-2", "B", "100")]);
    let bank = BankTransaction {
        debtor_account: Some("PAYERB".to_owned()),
        ..credit_into("1", "100", "VIRTUALA")
    };
    assert_eq!(desk.receive(bank), (Rule::VirtualAccount, PaymentState::Allocated));
    assert_eq!(desk.owner("1"), Some("A"));
}

#[test]
fn a_group_that_fits_as_well_is_recorded() {
    let mut desk = desk(&[("INV-1", "A", "100"), ("INV-2", "A", "60"), ("INV-3", "A", "40")]);
    let got = desk.receive(credit_from("1", "100", "PAYERA"));
    assert_eq!(got, (Rule::KnownPayer, PaymentState::Allocated));
    assert_eq!(desk.pays("1"), ["INV-1 100.00 SGD"]);
    assert_eq!(desk.decision("1").explanation.notes, ["a group of invoices fits as well"]);
}

#[test]
fn of_several_that_fit_the_oldest_is_paid() {
    for bank in [credit_from("1", "100", "PAYERA"), credit_into("1", "100", "VIRTUALA")] {
        let mut desk = desk(&[]);
        for (id, due) in [("INV-1", None), ("INV-2", Some("2026-12-01"))] {
            let mut invoice = create(id, "A", "100");
            invoice.due_date = due.map(day);
            desk.apply(Command::CreateInvoice(invoice));
        }
        assert_eq!(desk.receive(bank), (Rule::EqualAmounts, PaymentState::Allocated));
        assert_eq!(desk.pays("1"), ["INV-2 100.00 SGD"]);
        assert_eq!(desk.decision("1").explanation.same_amount_account, Some(2));
    }
}

#[test]
fn an_amount_that_fits_nothing_is_held_on_the_account() {
    let mut desk = desk(&[("INV-1", "A", "100"), ("INV-2", "A", "100 USD"), ("INV-3", "B", "70")]);
    for bank in [credit_from("1", "70", "PAYERA"), credit_into("2", "70", "VIRTUALA")] {
        let id = bank.bank_transaction_id.clone().expect("an id");
        assert_eq!(desk.receive(bank), (Rule::NoFittingAmount, PaymentState::OnAccount));
        assert_eq!((desk.owner(&id), desk.suggested(&id)), (Some("A"), vec!["INV-1"]));
    }
}

#[test]
fn a_payer_of_two_customers_identifies_neither() {
    let mut desk = desk(&[("INV-1", "A", "100"), ("INV-2", "B", "50")]);
    let mut shared = upsert("B");
    shared.payer_accounts = Some(vec!["PAYERA".to_owned(), "PAYERB".to_owned()]);
    desk.apply(Command::UpsertAccount(shared));
    let got = desk.receive(credit_from("1", "100", "PAYERA"));
    assert_eq!(got, (Rule::AmountOnly, parked(ParkReason::AmountOnly)));
    assert_eq!(desk.owner("1"), None);
    let got = desk.receive(credit_from("2", "50", "PAYERB"));
    assert_eq!(got, (Rule::KnownPayer, PaymentState::Allocated));
}

#[test]
fn the_amount_alone_is_never_enough() {
    let mut desk = desk(&[("INV-1", "A", "100"), ("INV-2", "A", "50"), ("INV-3", "B", "50")]);
    let amount_only = (Rule::AmountOnly, parked(ParkReason::AmountOnly));
    assert_eq!(desk.receive(credit("1", "100")), amount_only);
    assert_eq!((desk.suggested("1"), desk.owner("1")), (vec!["INV-1"], None));
    let nothing = (Rule::NothingFound, parked(ParkReason::NoCandidate));
    for (id, amount, open) in [("2", "50", 2), ("3", "7", 0)] {
        assert_eq!(desk.receive(credit(id, amount)), nothing);
        assert_eq!(desk.decision(id).explanation.same_amount_book, Some(open));
        assert!(desk.suggested(id).is_empty());
    }
    for useless in ["NOTPROVIDED", "000000", ""] {
        let got = desk.receive(credit_from(&format!("U{useless}"), "7", useless));
        assert_eq!(got, nothing, "{useless}");
    }
}

#[test]
fn money_from_before_the_invoice_was_sent_is_for_a_person() {
    let on =
        |date: &str, bank: BankTransaction| BankTransaction { value_date: Some(day(date)), ..bank };
    let before = "2026-11-01";
    let demoted = parked(ParkReason::PaidBeforeSent);
    let mut desk = desk(&[("INV-1", "A", "100")]);
    let got = desk.receive(on(before, credit_from("1", "100", "PAYERA")));
    assert_eq!(got, (Rule::KnownPayer, demoted));
    let got = desk.receive(on(before, credit_into("2", "100", "VIRTUALA")));
    assert_eq!(got, (Rule::VirtualAccount, demoted));
    assert_eq!((desk.suggested("2"), desk.owner("2")), (vec!["INV-1"], Some("A")));
    desk.invoice("INV-2", "A", "100");
    let got = desk.receive(on(before, credit_from("3", "100", "PAYERA")));
    assert_eq!(got, (Rule::EqualAmounts, demoted));
    // Who names the invoice means it, whenever the money counts.
    let reference = desk.reference("INV-1");
    let got = desk.receive(on(before, credit_saying("4", "100", &[&reference])));
    assert_eq!(got, (Rule::CheckedReference, PaymentState::Allocated));
    // The same day is soon enough.
    let got = desk.receive(on("2026-11-02", credit_from("5", "100", "PAYERA")));
    assert_eq!(got, (Rule::KnownPayer, PaymentState::Allocated));
}

#[test]
fn the_rest_of_an_overpayment_is_not_put_on_what_was_sent_later() {
    let mut desk = desk(&[("INV-1", "A", "100"), ("INV-2", "A", "50")]);
    let bank = BankTransaction {
        value_date: Some(day("2026-11-01")),
        unstructured: vec![desk.reference("INV-1")],
        ..credit("1", "150")
    };
    assert_eq!(desk.receive(bank), (Rule::CheckedReference, PaymentState::PartlyAllocated));
    assert_eq!(desk.pays("1"), ["INV-1 100.00 SGD"]);
}
