//! R5: the payer's text names several invoices.

use crate::allocation::Rule;
use crate::bank::BankTransaction;
use crate::matching::policy::Policy;
use crate::payment::{ParkReason, PaymentState};
use crate::testkit::*;

const NUMBERS: &str = "INV-1 INV-2 INV-3";

/// Invoices of A over 100, 50 and 30, and one of B over 50.
fn desk() -> Desk {
    let mut desk = Desk::with_customers(Policy::default());
    for (id, amount) in [("INV-1", "100"), ("INV-2", "50"), ("INV-3", "30")] {
        desk.invoice(id, "A", amount);
    }
    desk.invoice("INV-9", "B", "50");
    desk
}

fn references(desk: &Desk, ids: &[&str]) -> String {
    let references: Vec<String> = ids.iter().map(|id| desk.reference(id)).collect();
    references.join(" ")
}

#[test]
fn an_exact_sum_pays_each_in_full() {
    let by_reference = references(&desk(), &["INV-1", "INV-2", "INV-3"]);
    for text in [by_reference.as_str(), NUMBERS] {
        let mut desk = desk();
        let got = desk.receive(credit_saying("1", "180", &[text]));
        assert_eq!(got, (Rule::SeveralInvoices, PaymentState::Allocated), "{text}");
        let all = ["INV-1 100.00 SGD", "INV-2 50.00 SGD", "INV-3 30.00 SGD"];
        assert_eq!(desk.pays("1"), all, "{text}");
    }
}

#[test]
fn another_sum_pays_what_fits_only_if_the_customer_is_sure() {
    let mut desk = desk();
    let got = desk.receive(credit_saying("1", "140", &[NUMBERS]));
    assert_eq!(got, (Rule::SeveralWithAnotherSum, parked(ParkReason::SumMismatch)));
    assert_eq!(desk.suggested("1"), ["INV-1", "INV-2", "INV-3"]);
    let sure = BankTransaction {
        debtor_account: Some("PAYERA".to_owned()),
        ..credit_saying("2", "140", &[NUMBERS])
    };
    // In the declared order, in full: the first, not the second, the third.
    assert_eq!(desk.receive(sure), (Rule::SeveralWithAnotherSum, PaymentState::PartlyAllocated));
    assert_eq!(desk.pays("2"), ["INV-1 100.00 SGD", "INV-3 30.00 SGD"]);
    assert_eq!(desk.payment_now("2").unallocated(), Ok(money("10")));
}

#[test]
fn the_declared_order_is_due_date_then_sent_then_id() {
    let mut desk = Desk::with_customers(Policy::default());
    for (id, due) in [("INV-1", None), ("INV-2", Some("2026-12-02")), ("INV-3", Some("2026-12-01"))]
    {
        let mut invoice = create(id, "A", "100");
        invoice.due_date = due.map(day);
        desk.apply(crate::input::Command::CreateInvoice(invoice));
    }
    let text = references(&desk, &["INV-1", "INV-2", "INV-3"]);
    desk.receive(credit_saying("1", "200", &[&text]));
    assert_eq!(desk.pays("1"), ["INV-2 100.00 SGD", "INV-3 100.00 SGD"]);
}

#[test]
fn invoices_of_several_customers_are_never_paid_together() {
    let mut desk = desk();
    let text = references(&desk, &["INV-2", "INV-9"]);
    for (id, bank) in [("1", credit("1", "100")), ("2", credit_into("2", "100", "VIRTUALA"))] {
        let bank = BankTransaction { unstructured: vec![text.clone()], ..bank };
        let got = desk.receive(bank);
        assert_eq!(got, (Rule::SeveralInvoices, parked(ParkReason::SeveralAccounts)));
        assert_eq!(desk.owner(id), None);
    }
}

#[test]
fn several_references_into_the_account_of_another_are_a_conflict() {
    let mut desk = desk();
    let text = references(&desk, &["INV-2", "INV-3"]);
    let bank = BankTransaction { unstructured: vec![text], ..credit_into("1", "80", "VIRTUALB") };
    assert_eq!(desk.receive(bank), (Rule::SeveralInvoices, parked(ParkReason::IdentityConflict)));
}

#[test]
fn an_invoice_that_is_not_payable_stops_all_but_an_exact_sum_of_the_others() {
    let mut desk = desk();
    let text = references(&desk, &["INV-1", "INV-2", "INV-3"]);
    desk.apply(void("INV-3", "A"));
    for amount in ["180", "120", "30"] {
        let got = desk.receive(credit_saying(amount, amount, &[&text]));
        assert_eq!(got, (Rule::SeveralInvoices, parked(ParkReason::SumMismatch)), "{amount}");
        assert_eq!(desk.suggested(amount), ["INV-1", "INV-2"], "{amount}");
    }
    let got = desk.receive(credit_saying("1", "150", &[&text]));
    assert_eq!(got, (Rule::SeveralInvoices, PaymentState::Allocated));
}

#[test]
fn none_payable_parks_for_the_reason_that_may_still_settle_itself() {
    let mut desk = Desk::new();
    desk.draft("INV-1", "A", "100");
    desk.invoice("INV-2", "A", "50");
    desk.apply(void("INV-2", "A"));
    let text = references(&desk, &["INV-2", "INV-1"]);
    let got = desk.receive(credit_saying("1", "150", &[&text]));
    assert_eq!(got, (Rule::SeveralInvoices, parked(ParkReason::NotSent)));
}

#[test]
fn more_invoices_than_twenty_are_for_a_person() {
    for count in [20, 21] {
        let mut desk = Desk::new();
        let ids: Vec<String> = (0..count).map(|number| format!("INV-{number}")).collect();
        for id in &ids {
            desk.invoice(id, "A", "1");
        }
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let text = references(&desk, &ids);
        let (_, state) = desk.receive(credit_saying("1", &format!("{count}"), &[&text]));
        let expected = match count {
            20 => PaymentState::Allocated,
            _ => parked(ParkReason::AmbiguousReference),
        };
        assert_eq!(state, expected);
    }
}

#[test]
fn the_same_invoice_twice_is_one() {
    let mut desk = desk();
    let reference = desk.reference("INV-1");
    let text = format!("{reference} INV-1 {reference}");
    assert_eq!(
        desk.receive(credit_saying("1", "100", &[&text])),
        (Rule::CheckedReference, PaymentState::Allocated)
    );
}

#[test]
fn an_invoice_in_another_currency_among_several_stops_all_but_an_exact_sum() {
    let mut desk = desk();
    // The first by name is in dollars: amounts of two currencies are never added.
    desk.invoice("INV-0", "A", "100 USD");
    let text = references(&desk, &["INV-0", "INV-2", "INV-3"]);
    let got = desk.receive(credit_saying("1", "60", &[&text]));
    assert_eq!(got, (Rule::SeveralInvoices, parked(ParkReason::SumMismatch)));
    let got = desk.receive(credit_saying("2", "80", &[&text]));
    assert_eq!(got, (Rule::SeveralInvoices, PaymentState::Allocated));
    assert_eq!(desk.pays("2"), ["INV-2 50.00 SGD", "INV-3 30.00 SGD"]);
}

/// However many they are: if they add up they are one choice, with one id, and one word pays them.
#[test]
fn very_many_invoices_that_add_up_are_one_choice() {
    for (count, a_line) in [(21, 21), (60, 1), (60, 12), (200, 5), (200, 20)] {
        let mut desk = Desk::with_customers(Policy::default());
        let ids: Vec<String> = (0..count).map(|number| format!("INV-{}", 71000 + number)).collect();
        for id in &ids {
            desk.invoice(id, "A", "10");
        }
        let lines: Vec<String> = ids.chunks(a_line).map(|ids| ids.join(", ")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let amount = (count * 10).to_string();
        let got = desk.receive(credit_saying("1", &amount, &lines));
        let reason = parked(ParkReason::AmbiguousReference);
        assert_eq!(got, (Rule::SeveralInvoices, reason), "{count} in lines of {a_line}");
        let known = desk.model.set.suggested(&banked("1")).to_vec();
        assert_eq!(known.len(), 1, "{count} in lines of {a_line}");
        assert_eq!(known[0].parts.len(), count, "{count} in lines of {a_line}");
        desk.apply(confirm(banked("1").as_str(), known[0].id.as_str(), "A"));
        assert_eq!(desk.state("1"), PaymentState::Allocated);
        assert_eq!(desk.pays("1").len(), count);
    }
}
