//! Cases 1 to 11: what a payer writes, and which invoice that is.

use super::from;
use crate::allocation::Rule;
use crate::bank::BankTransaction;
use crate::event::Fact;
use crate::invoice::InvoiceStatus;
use crate::matching::policy::Policy;
use crate::payment::{ParkReason, PaymentState};
use crate::testkit::*;

const NOTHING: (Rule, PaymentState) =
    (Rule::NothingFound, PaymentState::Parked(ParkReason::NoCandidate));

fn desk(invoices: &[(&str, &str, &str)]) -> Desk {
    let mut desk = Desk::with_customers(Policy::default());
    for (id, owner, amount) in invoices {
        desk.invoice(id, owner, amount);
    }
    desk
}

/// The number of one invoice stands inside a longer number. It is not the shorter one: at most that
/// is suggested, as a digit too many with the amount that is due.
#[test]
fn edge_01_a_number_inside_a_longer_one_is_no_hit() {
    let mut desk = desk(&[("TI-1001", "A", "100")]);
    let got = desk.receive(credit_saying("1", "70", &["TI-10012"]));
    assert_eq!(got, NOTHING);
    let got = desk.receive(credit_saying("2", "100", &["TI-10012"]));
    assert_eq!(got, (Rule::TypingMistake, parked(ParkReason::NearReference)));
    assert_eq!((desk.suggested("2"), desk.pays("2")), (vec!["TI-1001"], Vec::new()));
    desk.invoice("TI-10012", "B", "55");
    let got = desk.receive(credit_saying("3", "55", &["TI-10012"]));
    assert_eq!(
        (got.1, desk.pays("3")),
        (PaymentState::Allocated, vec!["TI-10012 55.00 SGD".into()])
    );
    assert_eq!(desk.invoice_now("TI-1001").due(), Ok(money("100")));
}

/// The bank wraps lines at 35 characters, in the middle of a word. Put together again, a
/// reference is a hit because its check digits say so; a plain number has none and is no hit.
#[test]
fn edge_02_a_wrapped_line_is_joined_where_check_digits_verify() {
    let mut desk = desk(&[("TI-001234", "A", "100")]);
    let got = desk.receive(credit_saying("1", "60", &["topup for november TI-00", "1234 thanks"]));
    assert_eq!(got, NOTHING);
    let reference = desk.reference("TI-001234");
    let (head, tail) = reference.split_at(7);
    let first = format!("{:>35}", format!("topup for november {head}"));
    let got = desk.receive(credit_saying("2", "100", &[&first, &format!("{tail} thanks")]));
    assert_eq!(got, (Rule::CheckedReference, PaymentState::Allocated));
    assert_eq!(desk.pays("2"), ["TI-001234 100.00 SGD"]);
}

/// A year and an amount in the text are digits that invoices end with. Only whole numbers count,
/// and a date or the amount itself never does. Where an upstream system uses bare digits as its
/// invoice numbers they do count, so we ask for no prefix: but such a number pays nothing unless
/// the payer, the name or a word before it speaks for it.
#[test]
fn edge_03_a_year_and_an_amount_in_the_text_are_no_numbers() {
    let text = ["INV 2026 TOPUP 1000"];
    let mut prefixed = desk(&[("INV-2026", "A", "100"), ("TI-1000", "B", "50")]);
    assert_eq!(prefixed.receive(credit_saying("1", "1000", &text)), NOTHING);
    let dated = ["paid 2026-11-02 and 20261102"];
    let mut bare = desk(&[("20261102", "A", "100"), ("2026", "A", "90"), ("1000", "B", "50")]);
    assert_eq!(bare.receive(credit_saying("1", "70", &dated)), NOTHING);
    for (id, amount) in [("2", "1000"), ("3", "90")] {
        let got = bare.receive(credit_saying(id, amount, &text));
        let (rule, reason) = match id {
            "2" => (Rule::InvoiceNumber, ParkReason::Uncorroborated),
            // Here it is not the amount, and may be a number.
            _ => (Rule::SeveralInvoices, ParkReason::SeveralAccounts),
        };
        assert_eq!(got, (rule, parked(reason)));
    }
    assert_eq!(bare.receive(credit_saying("4", "1000", &["TOPUP 1000"])), NOTHING);
    for id in ["2", "3", "4"] {
        assert_eq!(bare.pays(id), Vec::<String>::new());
    }
}

/// A telephone number in the text is somebody's invoice number. A number needs a second witness:
/// the exact amount, or a payer who is known to be that customer.
#[test]
fn edge_04_a_telephone_number_needs_a_second_witness() {
    let text = ["call me at 91234567"];
    let mut desk = desk(&[("91234567", "A", "100")]);
    let got = desk.receive(credit_saying("1", "60", &text));
    assert_eq!(got, (Rule::InvoiceNumber, parked(ParkReason::Uncorroborated)));
    assert_eq!((desk.owner("1"), desk.suggested("1")), (None, vec!["91234567"]));
    let got = desk.receive(from("PAYERB", credit_saying("2", "100", &text)));
    assert_eq!(got, (Rule::InvoiceNumber, parked(ParkReason::IdentityConflict)));
    assert_eq!(desk.balance("A"), money("0"));
    let got = desk.receive(from("PAYERA", credit_saying("3", "100", &text)));
    assert_eq!(got, (Rule::InvoiceNumber, PaymentState::Allocated));
}

/// Two references, one of an invoice that was voided: the other is paid only if the money is
/// exactly what is due on it.
#[test]
fn edge_05_of_a_good_and_a_void_reference_the_good_one_is_paid_by_its_amount_only() {
    let mut desk = desk(&[("INV-1", "A", "100"), ("INV-2", "A", "50")]);
    desk.apply(void("INV-2", "A"));
    let text = format!("{} {}", desk.reference("INV-1"), desk.reference("INV-2"));
    for amount in ["150", "60"] {
        let got = desk.receive(credit_saying(amount, amount, &[&text]));
        assert_eq!(got, (Rule::SeveralInvoices, parked(ParkReason::SumMismatch)), "{amount}");
        assert_eq!((desk.suggested(amount), desk.pays(amount)), (vec!["INV-1"], Vec::new()));
    }
    let got = desk.receive(credit_saying("1", "100", &[&text]));
    assert_eq!(got, (Rule::SeveralInvoices, PaymentState::Allocated));
    assert_eq!(desk.pays("1"), ["INV-1 100.00 SGD"]);
}

/// The same reference in the text, in the structured field and as the end-to-end id is one
/// invoice, not three.
#[test]
fn edge_06_a_reference_given_three_times_is_one() {
    let mut desk = desk(&[("INV-1", "A", "100")]);
    let reference = desk.reference("INV-1");
    let text = format!("{reference} INV-1 {}", reference.to_lowercase());
    let bank = BankTransaction {
        creditor_reference: Some(reference.clone()),
        end_to_end_id: Some(reference),
        ..credit_saying("1", "100", &[&text])
    };
    assert_eq!(desk.receive(bank), (Rule::CheckedReference, PaymentState::Allocated));
    assert_eq!(desk.pays("1"), ["INV-1 100.00 SGD"]);
    assert_eq!(desk.decision("1").explanation.candidates.len(), 1);
}

/// The text names an invoice of one customer, the payer's account is another's. With a plain
/// number, or money into the other's virtual account, it is a conflict. A reference with check
/// digits is not mistaken for another, and anybody may pay for another: there we pay its invoice.
#[test]
fn edge_07_a_reference_of_one_customer_from_the_account_of_another() {
    let mut desk = desk(&[("INV-1", "A", "100")]);
    let reference = desk.reference("INV-1");
    let into = |id: &str, text: &str| BankTransaction {
        virtual_account: Some("VIRTUALB".to_owned()),
        ..credit_saying(id, "100", &[text])
    };
    let conflict = parked(ParkReason::IdentityConflict);
    let got = desk.receive(from("PAYERB", credit_saying("1", "100", &["INV-1"])));
    assert_eq!(got, (Rule::InvoiceNumber, conflict));
    assert_eq!(desk.receive(into("2", &reference)), (Rule::CheckedReference, conflict));
    assert_eq!((desk.owner("1"), desk.owner("2")), (None, None));
    let got = desk.receive(from("PAYERB", credit_saying("3", "100", &[&reference])));
    assert_eq!(got, (Rule::CheckedReference, PaymentState::Allocated));
    assert_eq!((desk.balance("A"), desk.balance("B")), (money("100"), money("0")));
}

/// Full-width letters, a non-breaking space, a zero-width joiner and a soft hyphen look like the
/// plain text to the payer, and are read like it.
#[test]
fn edge_08_full_width_and_invisible_characters_are_read_as_the_plain_ones() {
    let wide = |text: &str| -> String {
        let shift = |c: char| char::from_u32(u32::from(c) + 0xfee0).expect("a full-width form");
        text.chars().map(shift).collect()
    };
    let mut desk = desk(&[("TI1234", "A", "100"), ("TI5678", "A", "70"), ("TI9012", "A", "30")]);
    let got = desk.receive(credit_saying("1", "100", &[&wide("TI1234")]));
    assert_eq!(got, (Rule::InvoiceNumber, PaymentState::Allocated));
    let got =
        desk.receive(credit_saying("2", "70", &["pay\u{a0}TI\u{200d}56\u{ad}78\u{a0}please"]));
    assert_eq!(got, (Rule::InvoiceNumber, PaymentState::Allocated));
    let reference = wide(&desk.reference("TI9012"));
    let got = desk.receive(credit_saying("3", "30", &[&reference]));
    assert_eq!(got, (Rule::CheckedReference, PaymentState::Allocated));
    assert_eq!(desk.balance("A"), money("200"));
}

/// The letter O is typed for a zero. Where check digits verify it is read as the zero; in a plain
/// number it is a mistake: no hit on the number with the zero, with the amount it is suggested.
#[test]
fn edge_09_a_letter_typed_for_a_digit_is_read_only_under_check_digits() {
    let mut desk = desk(&[("TI-0001", "A", "100")]);
    let got = desk.receive(credit_saying("1", "70", &["TI-O001"]));
    assert_eq!(got, NOTHING);
    let got = desk.receive(credit_saying("2", "100", &["TI-O001"]));
    assert_eq!(got, (Rule::TypingMistake, parked(ParkReason::NearReference)));
    let zero = (0..40).map(|number| format!("INV-{number}")).find(|id| {
        desk.invoice(id, "A", "5");
        desk.reference(id)[4..].contains('0')
    });
    let id = zero.expect("one of forty references has a zero");
    let reference = desk.reference(&id);
    let (head, body) = reference.split_at(4);
    let typed = format!("{head}{}", body.replace('0', "O"));
    assert_eq!(desk.receive(credit_saying("3", "5", &[&typed])).1, PaymentState::Allocated);
    assert_eq!(desk.pays("3"), [format!("{id} 5.00 SGD")]);
}

/// The customer copies the reference of last month, whose invoice is paid. The money is parked as
/// probably paid twice, with the open invoice of the same amount to choose; never by itself.
#[test]
fn edge_10_last_months_reference_parks_and_suggests_the_open_invoice() {
    let mut desk = desk(&[("INV-1", "A", "100")]);
    let reference = desk.reference("INV-1");
    desk.receive(credit_saying("1", "100", &[&reference]));
    desk.pass_days(30);
    desk.invoice("INV-2", "A", "100");
    let got = desk.receive(from("PAYERA", credit_saying("2", "100", &[&reference])));
    assert_eq!(got, (Rule::CheckedReference, parked(ParkReason::AlreadyPaid)));
    assert_eq!((desk.suggested("2"), desk.owner("2")), (vec!["INV-2"], Some("A")));
    assert_eq!(desk.invoice_now("INV-2").status, InvoiceStatus::AwaitingPayment);
    assert_eq!(desk.balance("A"), money("100"));
}

/// Four hundred lines carry `NOTPROVIDED` where an id should be. It is no identity, no key and no
/// reference: they are four hundred payments, and none watches for that word.
#[test]
fn edge_11_a_stop_value_is_neither_identity_nor_key() {
    let mut desk = desk(&[("INV-1", "A", "100")]);
    for number in 0..400 {
        let stop = Some("NOTPROVIDED".to_owned());
        let bank = BankTransaction {
            end_to_end_id: stop.clone(),
            creditor_reference: stop.clone(),
            debtor_account: stop,
            ..credit(&number.to_string(), "7")
        };
        assert_eq!(desk.receive(bank), NOTHING);
    }
    assert_eq!(desk.model.set.payments_here().len(), 400);
    assert!(desk.decision("0").watches.is_empty());
    let recorded = |fact: &Fact| matches!(fact, Fact::PaymentRecorded { .. });
    let told = desk.model.set.events.iter().filter(|event| recorded(&event.fact));
    assert_eq!(told.count(), 400);
}
