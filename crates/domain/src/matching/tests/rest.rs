//! R5b, R12, several customers in one payment, and the customer's own day.

use crate::allocation::Rule;
use crate::bank::BankTransaction;
use crate::input::Command;
use crate::matching::decision::NamedBy;
use crate::matching::policy::Policy;
use crate::payment::{ParkReason, PaymentState};
use crate::testkit::*;

/// Invoices of A over 100, 50 and 30 in the declared order 3, 1, 2; of B one over 50.
fn desk() -> Desk {
    let mut desk = Desk::with_customers(Policy::default());
    let own = [
        ("INV-1", "100", Some("2026-12-02")),
        ("INV-2", "50", None),
        ("INV-3", "30", Some("2026-12-01")),
    ];
    for (id, amount, due) in own {
        let mut invoice = create(id, "A", amount);
        invoice.due_date = due.map(day);
        desk.apply(Command::CreateInvoice(invoice));
    }
    desk.invoice("INV-9", "B", "50");
    desk
}

fn text_of(desk: &Desk, ids: &[&str]) -> String {
    ids.iter().map(|id| desk.reference(id)).collect::<Vec<_>>().join(" ")
}

fn verdicts(desk: &Desk, id: &str) -> Vec<String> {
    let candidates = desk.decision(id).explanation.candidates.iter();
    candidates.map(|c| format!("{} {}", c.invoice.invoice_id, c.verdict.word())).collect()
}

#[test]
fn another_sum_pays_in_full_what_fits_if_the_customer_is_sure() {
    let cases: [(&str, &[&str]); 6] = [
        // More than all of them: all are paid, the rest stays.
        ("200", &["INV-1 100.00 SGD", "INV-2 50.00 SGD", "INV-3 30.00 SGD"]),
        ("180.01", &["INV-1 100.00 SGD", "INV-2 50.00 SGD", "INV-3 30.00 SGD"]),
        // Less: in the declared order, each in full or not at all.
        ("179.99", &["INV-1 100.00 SGD", "INV-3 30.00 SGD"]),
        ("130", &["INV-1 100.00 SGD", "INV-3 30.00 SGD"]),
        ("120", &["INV-2 50.00 SGD", "INV-3 30.00 SGD"]),
        ("31", &["INV-3 30.00 SGD"]),
    ];
    for (amount, pays) in cases {
        let mut desk = desk();
        let text = text_of(&desk, &["INV-1", "INV-2", "INV-3"]);
        let (rule, state) = desk.receive(credit_saying("1", amount, &[&text]));
        let expected = match amount {
            "130" => PaymentState::Allocated,
            _ => PaymentState::PartlyAllocated,
        };
        assert_eq!((rule, state), (Rule::SeveralWithAnotherSum, expected), "{amount}");
        assert_eq!(desk.pays("1"), pays, "{amount}");
    }
}

#[test]
fn another_sum_of_plain_numbers_is_suggested_with_its_split() {
    let text = "INV-1 INV-2 INV-3";
    let cases: [(&str, [&str; 3]); 4] = [
        ("200", ["INV-3 would_be_paid", "INV-1 would_be_paid", "INV-2 would_be_paid"]),
        ("140", ["INV-3 would_be_paid", "INV-1 would_be_paid", "INV-2 would_be_paid_in_part"]),
        ("130", ["INV-3 would_be_paid", "INV-1 would_be_paid", "INV-2 not_enough_left"]),
        ("10", ["INV-3 would_be_paid_in_part", "INV-1 not_enough_left", "INV-2 not_enough_left"]),
    ];
    for (amount, split) in cases {
        let mut desk = desk();
        let got = desk.receive(credit_saying("1", amount, &[text]));
        assert_eq!(got, (Rule::SeveralWithAnotherSum, parked(ParkReason::SumMismatch)), "{amount}");
        assert_eq!(verdicts(&desk, "1"), split, "{amount}");
        assert_eq!(desk.suggested("1"), ["INV-3", "INV-1", "INV-2"], "{amount}");
        // From a payer who is known it is decided.
        let bank = credit_from("2", amount, "PAYERA");
        let bank = BankTransaction { unstructured: vec![text.to_owned()], ..bank };
        let (rule, state) = desk.receive(bank);
        let nothing_fits = amount == "10";
        assert_eq!(
            (rule, state.reason().is_some()),
            (Rule::SeveralWithAnotherSum, nothing_fits),
            "{amount}"
        );
    }
}

#[test]
fn nothing_that_fits_in_full_is_suggested_even_if_the_customer_is_sure() {
    let mut desk = desk();
    let text = text_of(&desk, &["INV-1", "INV-2"]);
    let got = desk.receive(credit_saying("1", "40", &[&text]));
    assert_eq!(got, (Rule::SeveralWithAnotherSum, parked(ParkReason::SumMismatch)));
    assert_eq!(verdicts(&desk, "1"), ["INV-1 would_be_paid_in_part", "INV-2 not_enough_left"]);
    assert_eq!(desk.owner("1"), Some("A"));
}

/// Where several customers' invoices add up to exactly the amount, the split is shown; nothing of
/// it is done.
#[test]
fn edge_18_one_transfer_for_two_customers_is_suggested_with_its_split() {
    let mut desk = desk();
    let text = text_of(&desk, &["INV-1", "INV-9"]);
    let several = (Rule::SeveralInvoices, parked(ParkReason::SeveralAccounts));
    assert_eq!(desk.receive(credit_saying("1", "150", &[&text])), several);
    assert_eq!(verdicts(&desk, "1"), ["INV-1 would_be_paid", "INV-9 would_be_paid"]);
    assert_eq!(desk.suggested("1"), ["INV-1", "INV-9"]);
    assert_eq!((desk.owner("1"), desk.pays("1").len()), (None, 0));
    assert_eq!(desk.decision("1").explanation.notes.len(), 1);
    // Also with a known payer of one of them.
    let bank = credit_from("2", "150", "PAYERA");
    let bank = BankTransaction { unstructured: vec![text.clone()], ..bank };
    assert_eq!(desk.receive(bank), several);
    assert_eq!((desk.owner("2"), desk.pays("2").len()), (None, 0));
    // Another sum, or plain numbers: there is no split to show.
    let plain = "INV-1 INV-9".to_owned();
    for (id, amount, text) in [("3", "149.99", &text), ("4", "150", &plain)] {
        assert_eq!(desk.receive(credit_saying(id, amount, &[text])), several);
        assert_eq!(verdicts(&desk, id), ["INV-1 several_accounts", "INV-9 several_accounts"]);
        assert!(desk.decision(id).explanation.notes.is_empty());
    }
}

#[test]
fn another_currency_is_suggested_only_with_an_amount_that_the_bank_states() {
    let parked = (Rule::OtherCurrency, parked(ParkReason::CurrencyMismatch));
    let cases = [
        (None, false, None),
        (Some("100 USD"), true, Some("100 USD")),
        (Some("60 USD"), true, Some("60 USD")),
        // More than is due: it is shown, and nothing is suggested.
        (Some("100.01 USD"), false, Some("100.01 USD")),
        // Not the invoice's currency: nobody says what it is there.
        (Some("100 EUR"), false, None),
        (Some("135 SGD"), false, None),
    ];
    for (instructed, suggested, stated) in cases {
        let mut desk = Desk::with_customers(Policy::default());
        desk.invoice("INV-1", "A", "100 USD");
        let reference = desk.reference("INV-1");
        let bank = BankTransaction {
            instructed: instructed.map(money),
            ..credit_saying("1", "135", &[&reference])
        };
        assert_eq!(desk.receive(bank), parked, "{instructed:?}");
        let expected: &[&str] = if suggested { &["INV-1"] } else { &[] };
        assert_eq!(desk.suggested("1"), expected, "{instructed:?}");
        let decision = desk.decision("1");
        assert_eq!(decision.explanation.stated, stated.map(money), "{instructed:?}");
        assert_eq!((desk.owner("1"), desk.pays("1").len()), (Some("A"), 0));
        // A person cannot allocate it either: money never crosses currencies.
        let refused = desk.hand_in(allocate("BANK:OURS:1", "A", &[("INV-1", "")]));
        assert_eq!(refused.code(), Some("currency_mismatch"), "{instructed:?}");
    }
}

#[test]
fn a_stated_amount_is_of_no_use_to_a_plain_number_or_to_several_invoices() {
    let mut desk = Desk::with_customers(Policy::default());
    desk.invoice("INV-1", "A", "100 USD");
    desk.invoice("INV-2", "A", "100 USD");
    let both = text_of(&desk, &["INV-1", "INV-2"]);
    let stated = |id: &str, text: &str| BankTransaction {
        instructed: Some(money("100 USD")),
        unstructured: vec![text.to_owned()],
        ..credit_from(id, "135", "PAYERA")
    };
    for (id, text) in [("1", "INV-1"), ("2", both.as_str())] {
        let got = desk.receive(stated(id, text));
        assert_eq!(got, (Rule::OtherCurrency, parked(ParkReason::CurrencyMismatch)), "{text}");
        assert!(desk.suggested(id).is_empty(), "{text}");
    }
    // By the end-to-end id it is as good as by a reference.
    let bank = BankTransaction {
        end_to_end_id: Some(desk.reference("INV-2")),
        unstructured: Vec::new(),
        ..stated("3", "")
    };
    assert_eq!(desk.receive(bank), (Rule::OtherCurrency, parked(ParkReason::CurrencyMismatch)));
    assert_eq!(desk.suggested("3"), ["INV-2"]);
    assert_eq!(desk.decision("3").explanation.candidates[0].named_by, NamedBy::EndToEnd);
}

/// The desk's clock is at noon UTC; in Kiritimati (UTC+14) it is the next day by then.
#[test]
fn money_counts_by_the_customers_own_day() {
    for (zone, day_of_value, state) in [
        (None, "2026-11-02", PaymentState::Allocated),
        (None, "2026-11-01", parked(ParkReason::PaidBeforeSent)),
        (Some("Pacific/Kiritimati"), "2026-11-03", PaymentState::Allocated),
        (Some("Pacific/Kiritimati"), "2026-11-02", parked(ParkReason::PaidBeforeSent)),
        (Some("Pacific/Pago_Pago"), "2026-11-02", PaymentState::Allocated),
        (Some("Nowhere/Here"), "2026-11-02", PaymentState::Allocated),
    ] {
        let mut desk = Desk::with_customers(Policy::default());
        let mut customer = upsert("A");
        customer.time_zone = zone.map(str::to_owned);
        desk.apply(Command::UpsertAccount(customer));
        // What an upsert leaves out stays.
        desk.apply(Command::UpsertAccount(upsert("A")));
        desk.invoice("INV-1", "A", "100");
        let bank = credit_from("1", "100", "PAYERA");
        let bank = BankTransaction { value_date: Some(day(day_of_value)), ..bank };
        assert_eq!(desk.receive(bank), (Rule::KnownPayer, state), "{zone:?} {day_of_value}");
    }
}
