//! R2, R3, R4: the payer's text names one invoice. State against amount, and how it is written.

use crate::allocation::Rule;
use crate::bank::BankTransaction;
use crate::invoice::InvoiceStatus;
use crate::matching::policy::{PartialPolicy, Policy};
use crate::payment::{ParkReason, PaymentState};
use crate::testkit::*;

fn policy(partial: PartialPolicy) -> Policy {
    Policy { partial, ..Policy::default() }
}

/// How a payment names INV-1.
#[derive(Debug, Clone, Copy)]
enum Way {
    Reference,
    EndToEnd,
    /// A plain number, from a payer of the account.
    Number,
}

impl Way {
    const ALL: [Self; 3] = [Self::Reference, Self::EndToEnd, Self::Number];

    fn rule(self) -> Rule {
        match self {
            Self::Reference => Rule::CheckedReference,
            Self::EndToEnd => Rule::EndToEndId,
            Self::Number => Rule::InvoiceNumber,
        }
    }

    fn credit(self, desk: &Desk, amount: &str) -> BankTransaction {
        let reference = desk.reference("INV-1");
        match self {
            Self::Reference => credit_saying("1", amount, &[&reference]),
            Self::EndToEnd => {
                BankTransaction { end_to_end_id: Some(reference), ..credit("1", amount) }
            }
            Self::Number => BankTransaction {
                debtor_account: Some("PAYERA".to_owned()),
                ..credit_saying("1", amount, &["INV-1"])
            },
        }
    }
}

/// INV-1 of A over 100, in the state that is asked for.
fn desk_with(status: InvoiceStatus, partial: PartialPolicy) -> Desk {
    let mut desk = Desk::with_customers(policy(partial));
    desk.draft("INV-1", "A", "100");
    if status != InvoiceStatus::Draft {
        desk.apply(mark_sent("INV-1", "A"));
    }
    match status {
        InvoiceStatus::Draft | InvoiceStatus::AwaitingPayment => {}
        InvoiceStatus::Provisioned => {
            let reference = desk.reference("INV-1");
            desk.receive(credit_saying("0", "100", &[&reference]));
        }
        InvoiceStatus::Voided => desk.apply(void("INV-1", "A")),
    }
    assert_eq!(desk.invoice_now("INV-1").status, status);
    desk
}

type Cell = (&'static str, PaymentState, &'static [&'static str]);

/// matching §4: amounts against an invoice of 100, with the state and what is paid.
#[rustfmt::skip]
fn cells(status: InvoiceStatus, policy: PartialPolicy) -> [Cell; 3] {
    let refused = |reason| {
        let state = parked(reason);
        let none: &'static [&'static str] = &[];
        [("100", state, none), ("60", state, none), ("150", state, none)]
    };
    let all: &'static [&'static str] = &["INV-1 100.00 SGD"];
    let exact = ("100", PaymentState::Allocated, all);
    let over = ("150", PaymentState::PartlyAllocated, all);
    match (status, policy) {
        (InvoiceStatus::Draft, _) => refused(ParkReason::NotSent),
        (InvoiceStatus::AwaitingPayment, PartialPolicy::Suggest) => {
            [exact, ("60", parked(ParkReason::PartialPayment), &[]), over]
        }
        (InvoiceStatus::AwaitingPayment, PartialPolicy::Apply) => {
            [exact, ("60", PaymentState::Allocated, &["INV-1 60.00 SGD"]), over]
        }
        (InvoiceStatus::Provisioned, _) => refused(ParkReason::AlreadyPaid),
        (InvoiceStatus::Voided, _) => refused(ParkReason::PaidAfterVoid),
    }
}

#[test]
fn state_against_amount() {
    for status in InvoiceStatus::ALL {
        for policy in [PartialPolicy::Suggest, PartialPolicy::Apply] {
            for (amount, state, pays) in cells(status, policy) {
                for way in Way::ALL {
                    let mut desk = desk_with(status, policy);
                    let bank = way.credit(&desk, amount);
                    let got = desk.receive(bank);
                    let case = format!("{way:?} of {amount} on {status:?}, {policy:?}");
                    assert_eq!(got, (way.rule(), state), "{case}");
                    assert_eq!(desk.pays("1"), pays, "{case}");
                    assert_eq!(desk.owner("1"), Some("A"), "{case}");
                }
            }
        }
    }
}

#[test]
fn a_partial_payment_leaves_the_invoice_awaiting_the_rest() {
    let mut desk = desk_with(InvoiceStatus::AwaitingPayment, PartialPolicy::Apply);
    let reference = desk.reference("INV-1");
    desk.receive(credit_saying("1", "60", &[&reference]));
    assert_eq!(desk.invoice_now("INV-1").status, InvoiceStatus::AwaitingPayment);
    assert_eq!(desk.balance("A"), money("60"));
    // What is due now is forty, and more than that is again an overpayment.
    desk.receive(credit_saying("2", "60", &[&reference]));
    assert_eq!(desk.pays("2"), ["INV-1 40.00 SGD"]);
    assert_eq!(desk.balance("A"), money("100"));
}

#[test]
fn an_invoice_in_another_currency_is_never_paid() {
    let mut desk = Desk::with_customers(Policy::default());
    desk.invoice("INV-1", "A", "100 USD");
    for way in Way::ALL {
        let mut bank = way.credit(&desk, "100");
        bank.bank_transaction_id = Some(format!("{way:?}"));
        let got = desk.receive(bank);
        assert_eq!(got, (Rule::OtherCurrency, parked(ParkReason::CurrencyMismatch)));
        assert!(desk.suggested(&format!("{way:?}")).is_empty());
    }
}

#[test]
fn a_number_alone_is_no_proof() {
    let saying = |id: &str, amount: &str| credit_saying(id, amount, &["for inv-1, thanks"]);
    let mut desk = desk_with(InvoiceStatus::AwaitingPayment, PartialPolicy::Apply);
    let got = desk.receive(saying("1", "60"));
    assert_eq!(got, (Rule::InvoiceNumber, parked(ParkReason::Uncorroborated)));
    assert_eq!((desk.owner("1"), desk.suggested("1")), (None, vec!["INV-1"]));
    // The exact amount corroborates it.
    assert_eq!(desk.receive(saying("2", "100")), (Rule::InvoiceNumber, PaymentState::Allocated));
}

#[test]
fn a_number_that_differs_only_in_case_is_ambiguous() {
    let mut desk = Desk::with_customers(Policy::default());
    desk.invoice("INV-1", "A", "100");
    desk.invoice("inv-1", "B", "100");
    let got = desk.receive(credit_saying("1", "100", &["INV-1"]));
    assert_eq!(got, (Rule::InvoiceNumber, parked(ParkReason::AmbiguousReference)));
    // A checked reference says which.
    let reference = desk.reference("inv-1");
    let got = desk.receive(credit_saying("2", "100", &[&format!("INV-1 {reference}")]));
    assert_eq!(got, (Rule::CheckedReference, PaymentState::Allocated));
    assert_eq!(desk.pays("2"), ["inv-1 100.00 SGD"]);
}

#[test]
fn who_is_certain_outranks_what_is_written() {
    let mut desk = Desk::with_customers(Policy::default());
    desk.invoice("INV-1", "A", "100");
    let reference = desk.reference("INV-1");
    let text = |word: &str| vec![word.to_owned()];
    // Virtual account of B: certain. Payer of B: strong, and anybody may pay for another.
    let conflict = parked(ParkReason::IdentityConflict);
    let cases = [
        (credit_into("1", "100", "VIRTUALB"), reference.as_str(), Rule::CheckedReference, conflict),
        (credit_into("2", "100", "VIRTUALB"), "INV-1", Rule::InvoiceNumber, conflict),
        (credit_from("3", "100", "PAYERB"), "INV-1", Rule::InvoiceNumber, conflict),
        (
            credit_from("4", "100", "PAYERB"),
            &reference,
            Rule::CheckedReference,
            PaymentState::Allocated,
        ),
    ];
    for (mut bank, word, rule, state) in cases {
        let id = bank.bank_transaction_id.clone().expect("an id");
        bank.unstructured = text(word);
        assert_eq!(desk.receive(bank), (rule, state), "{id}");
        let owner = (state == PaymentState::Allocated).then_some("A");
        assert_eq!(desk.owner(&id), owner, "{id}");
    }
}

/// Ways in which people and banks write the reference of INV-1.
#[test]
fn a_reference_is_read_however_it_is_written() {
    let mut desk = Desk::new();
    desk.invoice("INV-1", "A", "100");
    let r = desk.reference("INV-1");
    let (head, tail) = r.split_at(9);
    let groups = |between: &str| {
        let letters: Vec<char> = r.chars().collect();
        let groups: Vec<String> = letters.chunks(4).map(String::from_iter).collect();
        groups.join(between)
    };
    let typed = r.replacen('0', "O", 1);
    let typed = if typed == r { r.clone() } else { typed };
    let spaced = groups(" ");
    let (above, below) = spaced.split_at(12);
    let cases: Vec<Vec<String>> = vec![
        vec![r.clone()],
        vec![r.to_lowercase()],
        vec![format!("top up {r} thanks")],
        vec![format!("({r})")],
        vec![format!("Ref:{r}")],
        vec![format!("REF-{r}.")],
        vec![format!("invoice.{r}-november")],
        vec![groups(" ")],
        vec![groups("-")],
        vec![format!("top up {} of november", groups(" "))],
        vec![format!("{head}\u{200b}{tail}")],
        vec![typed],
        // Cut by the bank in the middle of the reference.
        vec![format!("top up for november {head}"), format!("{tail} thanks")],
        // Cut between two groups, and inside one.
        vec![above.trim_end().to_owned(), below.trim_start().to_owned()],
        vec![spaced[..7].to_owned(), spaced[7..].to_owned()],
        vec!["unrelated".to_owned(), r.clone(), "lines".to_owned()],
    ];
    for (number, lines) in cases.into_iter().enumerate() {
        let mut desk = Desk::new();
        // The reference depends on the record; the first record of every desk mints the same.
        desk.invoice("INV-1", "A", "100");
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let got = desk.receive(credit_saying("1", "100", &lines));
        assert_eq!(
            got,
            (Rule::CheckedReference, PaymentState::Allocated),
            "case {number}: {lines:?}"
        );
    }
}

#[test]
fn letters_typed_for_digits_are_read_where_the_check_digits_verify() {
    let mut read = 0;
    for start in 0..40_u32 {
        let mut desk = Desk::new();
        for _ in 0..start {
            // Other records before it: another reference.
            desk.apply(crate::input::Command::UpsertAccount(upsert("A")));
        }
        desk.invoice("INV-1", "A", "100");
        let reference = desk.reference("INV-1");
        let (head, body) = reference.split_at(2);
        let typed = body.replace('0', "O").replace('1', "l").replace('5', "s");
        let typed = format!("{head}{}", typed.replace('8', "B"));
        read += u32::from(typed != reference);
        let got = desk.receive(credit_saying("1", "100", &[&typed]));
        assert_eq!(
            got,
            (Rule::CheckedReference, PaymentState::Allocated),
            "{typed} for {reference}"
        );
    }
    assert!(read > 10, "the references had digits that look like letters");
}

#[test]
fn a_wrong_digit_pays_nothing() {
    let mut desk = Desk::new();
    desk.invoice("INV-1", "A", "100");
    let reference = desk.reference("INV-1");
    let (kept, last) = reference.split_at(reference.len() - 1);
    let wrong = if last == "7" { "9" } else { "7" };
    let got = desk.receive(credit_saying("1", "60", &[&format!("{kept}{wrong}")]));
    assert_eq!(got, (Rule::TypingMistake, parked(ParkReason::NearReference)));
}

#[test]
fn the_structured_reference_counts_like_the_text() {
    let mut desk = Desk::new();
    desk.invoice("INV-1", "A", "100");
    let bank =
        BankTransaction { creditor_reference: Some(desk.reference("INV-1")), ..credit("1", "100") };
    assert_eq!(desk.receive(bank), (Rule::CheckedReference, PaymentState::Allocated));
}

#[test]
fn the_rest_of_an_overpayment_is_tried_again() {
    let mut desk = Desk::with_customers(Policy::default());
    for (id, owner) in [("INV-1", "A"), ("INV-2", "A"), ("INV-3", "B")] {
        desk.invoice(id, owner, if id == "INV-1" { "100" } else { "50" });
    }
    let reference = desk.reference("INV-1");
    desk.receive(credit_saying("1", "150", &[&reference]));
    assert_eq!(desk.pays("1"), ["INV-1 100.00 SGD", "INV-2 50.00 SGD"]);
    assert_eq!(desk.balance("A"), money("150"));
    assert_eq!(desk.balance("B"), money("0"));
}

#[test]
fn a_payment_for_a_paid_invoice_suggests_another_of_the_same_amount() {
    let mut desk = desk_with(InvoiceStatus::Provisioned, PartialPolicy::Suggest);
    desk.invoice("INV-2", "A", "100");
    let reference = desk.reference("INV-1");
    desk.receive(credit_saying("1", "100", &[&reference]));
    assert_eq!(desk.state("1"), parked(ParkReason::AlreadyPaid));
    assert_eq!(desk.suggested("1"), ["INV-2"]);
}

#[test]
fn a_decision_beyond_the_limit_needs_two() {
    let mut desk = Desk::with_customers(Policy {
        max_auto_amounts: vec![money("99.99"), money("500 USD")],
        ..Policy::default()
    });
    desk.invoice("INV-1", "A", "100");
    desk.invoice("INV-2", "A", "100 USD");
    let dollars = desk.reference("INV-2");
    for (number, way) in Way::ALL.into_iter().enumerate() {
        let mut bank = way.credit(&desk, "100");
        let id = format!("{number}");
        bank.bank_transaction_id = Some(id.clone());
        assert_eq!(desk.receive(bank), (way.rule(), parked(ParkReason::AboveAutoLimit)));
        assert_eq!((desk.suggested(&id), desk.owner(&id)), (vec!["INV-1"], Some("A")));
    }
    let got = desk.receive(credit_from("9", "100", "PAYERA"));
    assert_eq!(got, (Rule::KnownPayer, parked(ParkReason::AboveAutoLimit)));
    let got = desk.receive(credit_saying("10", "100 USD", &[&dollars]));
    assert_eq!(got, (Rule::CheckedReference, PaymentState::Allocated));
}

#[test]
fn a_balance_that_cannot_be_kept_parks_the_payment() {
    let mut desk = desk_with(InvoiceStatus::AwaitingPayment, PartialPolicy::Suggest);
    let most = crate::money::BALANCE_MAX_MICROS;
    let full = crate::money::Money::from_micros(most, currency("SGD"));
    desk.model.set.know_balance(&account("A"), full);
    let bank = Way::Reference.credit(&desk, "100");
    assert_eq!(desk.receive(bank), (Rule::CheckedReference, parked(ParkReason::BalanceLimit)));
}
