//! References that upstream gave: found as ours are, of exactly one invoice.

use crate::allocation::Rule;
use crate::effect::Outcome;
use crate::input::{Command, CreateInvoice, Input};
use crate::matching::policy::Policy;
use crate::matching::reference;
use crate::matching::upstream::{GivenReference, Scheme};
use crate::money::Money;
use crate::payment::{ParkReason, PaymentState};
use crate::rejection::Rejection;
use crate::testkit::*;

const QRR: &str = "21 00000 00003 13947 14300 09017";

/// An invoice that is sent, with such references.
fn invoice_in(
    desk: &mut Desk,
    code: &str,
    (id, owner): (&str, &str),
    given: &[(&str, Option<Scheme>)],
) {
    let reference = |(text, scheme): &(&str, Option<Scheme>)| GivenReference {
        text: (*text).to_owned(),
        scheme: *scheme,
    };
    let references = given.iter().map(reference).collect();
    let amount = Money::from_micros(100_000_000, currency(code));
    let create = CreateInvoice { references, amount, send: true, ..create(id, owner, "1.00") };
    desk.apply(Command::CreateInvoice(create));
}

fn invoice_with(desk: &mut Desk, id: &str, owner: &str, given: &[(&str, Option<Scheme>)]) {
    invoice_in(desk, "SGD", (id, owner), given);
}

#[test]
fn a_checked_reference_pays_its_invoice_whoever_pays() {
    for (code, text, scheme, quotes) in [
        ("CHF", QRR, None, ["21 00000 00003 13947 14300 09017", "210000000003139471430009017"]),
        (
            "EUR",
            "+++090/9337/55493+++",
            None,
            ["Facture +++090/9337/55493+++", "090933755493 merci"],
        ),
        ("NOK", "1234567897", Some(Scheme::Kid), ["KID 1234567897", "1234567897"]),
        ("EUR", "1234561", None, ["viite 1234561", "1234561"]),
        ("SGD", "RF18539007547034", None, ["RF18 5390 0754 7034", "rf18539007547034 thanks"]),
        (
            "BRL",
            "7d9f0335a1f24c0c8f60f6c2a1b2c3d4",
            None,
            ["7D9F0335A1F24C0C8F60F6C2A1B2C3D4", "pix 7d9f0335a1f24c0c8f60f6c2a1b2c3d4"],
        ),
    ] {
        for (number, quote) in quotes.into_iter().enumerate() {
            let mut desk = Desk::with_customers(Policy::default());
            invoice_in(&mut desk, code, ("INV-7", "A"), &[(text, scheme)]);
            // Another customer's of the same amount: the amount alone would say nothing.
            invoice_in(&mut desk, code, ("INV-8", "B"), &[]);
            let mut bank = credit_saying("T1", "100.00", &[quote]);
            bank.amount = Money::from_micros(100_000_000, currency(code));
            if number == 0 && text == QRR {
                bank.unstructured.clear();
                bank.creditor_reference = Some(quote.to_owned());
            }
            let (rule, state) = desk.receive(bank);
            assert_eq!((rule, state), (Rule::CheckedReference, PaymentState::Allocated), "{quote}");
            assert_eq!(desk.owner("T1"), Some("A"), "{quote}");
        }
    }
}

#[test]
fn a_payment_that_came_first_waits_for_the_invoice_of_its_reference() {
    let mut desk = Desk::with_customers(Policy::default());
    let (_, state) = desk.receive(credit_saying("T1", "100.00", &["QRR", QRR]));
    assert_eq!(state, PaymentState::Parked(ParkReason::NoCandidate));
    invoice_with(&mut desk, "INV-7", "A", &[(QRR, None)]);
    assert_eq!(desk.state("T1"), PaymentState::Allocated);
}

#[test]
fn a_reference_names_one_invoice_for_ever() {
    let mut desk = Desk::with_customers(Policy::default());
    invoice_with(&mut desk, "INV-7", "A", &[(QRR, None), ("SO-10045", None)]);
    let again = |id: &str, text: &str| {
        let references = vec![GivenReference { text: text.to_owned(), scheme: None }];
        Command::CreateInvoice(CreateInvoice { references, ..create(id, "A", "1.00") })
    };
    for text in ["210000000003139471430009017", "so 10045"] {
        let outcome = desk.hand_in(again("INV-9", text));
        assert_eq!(outcome, Outcome::Rejected(Rejection::ReferenceTaken), "{text}");
    }
    let minted = desk.reference("INV-7");
    let outcome = desk.hand_in(again("INV-9", &minted));
    assert_eq!(outcome, Outcome::Rejected(Rejection::ReferenceTaken));
    for text in ["210000000003139471430009018", "+++090/9337/55494+++", "abc"] {
        let outcome = desk.hand_in(again("INV-9", text));
        assert_eq!(outcome, Outcome::Rejected(Rejection::ReferenceInvalid), "{text}");
    }
}

/// The first order names of a system that counts with zeros: `S00042`.
#[test]
fn the_zeros_of_a_plain_number_count_for_its_length() {
    for (given, quote) in [("S00042", "S00042"), ("S00001", "order s00001"), ("00042", "00042")] {
        let mut desk = Desk::with_customers(Policy::default());
        invoice_with(&mut desk, "INV-7", "A", &[(given, None)]);
        let mut customer = upsert("A");
        customer.payer_accounts = Some(vec!["PAYERA".to_owned()]);
        desk.apply(Command::UpsertAccount(customer));
        let mut bank = credit_saying("T1", "100.00", &[quote]);
        bank.debtor_account = Some("PAYERA".to_owned());
        assert_eq!(desk.receive(bank).1, PaymentState::Allocated, "{given}");
    }
    for short in ["S42", "7", "0007", "abcd"] {
        let mut desk = Desk::with_customers(Policy::default());
        let references = vec![GivenReference { text: short.to_owned(), scheme: None }];
        let create = CreateInvoice { references, ..create("INV-9", "A", "1.00") };
        let outcome = desk.hand_in(Command::CreateInvoice(create));
        assert_eq!(outcome, Outcome::Rejected(Rejection::ReferenceInvalid), "{short}");
    }
}

/// A QR reference is 27 digits; some banks leave out the zeros before it.
#[test]
fn a_qr_reference_is_found_without_its_zeros() {
    const PADDED: &str = "000000000000007559123456783";
    let places = [("7559123456783", true), ("7559123456783", false), (PADDED, false)];
    for ((quote, field), given) in places.into_iter().zip([PADDED, PADDED, "7559123456783"]) {
        let mut desk = Desk::with_customers(Policy::default());
        invoice_in(&mut desk, "CHF", ("INV-7", "A"), &[(given, Some(Scheme::Qrr))]);
        invoice_in(&mut desk, "CHF", ("INV-8", "B"), &[]);
        let mut bank = credit_saying("T1", "100.00", &[]);
        bank.amount = Money::from_micros(100_000_000, currency("CHF"));
        match field {
            true => bank.creditor_reference = Some(quote.to_owned()),
            false => bank.unstructured = vec![quote.to_owned()],
        }
        let (rule, state) = desk.receive(bank);
        assert_eq!(
            (rule, state),
            (Rule::CheckedReference, PaymentState::Allocated),
            "{quote} {field}"
        );
        assert_eq!(desk.owner("T1"), Some("A"));
    }
}

/// A plain number has no check digits: a stranger who mistypes one must not pay another's invoice.
#[test]
fn a_plain_number_needs_the_payer_or_the_name() {
    for known in [true, false] {
        let mut desk = Desk::with_customers(Policy::default());
        invoice_with(&mut desk, "INV-7", "A", &[("SO/2026/10045", None)]);
        let mut bank = credit_saying("T1", "100.00", &["your order SO/2026/10045"]);
        if known {
            bank.debtor_account = Some("PAYERA".to_owned());
        }
        let mut customer = upsert("A");
        customer.payer_accounts = Some(vec!["PAYERA".to_owned()]);
        desk.apply(Command::UpsertAccount(customer));
        let (_, state) = desk.receive(bank);
        assert_eq!(state == PaymentState::Allocated, known, "{state:?}");
        let told = format!("{:?}", desk.decision("T1")).contains("has no check digits");
        assert_eq!(told, !known);
    }
}

/// A year, a postal code or a day verifies by chance. In a stranger's text it is nobody's
/// reference, though it is one; in the field for references it is.
#[test]
fn few_digits_and_days_in_a_text_are_no_checked_reference() {
    for (given, text) in
        [("2030", "topup 2030 Oslo"), ("20261103", "paid 20261103"), ("20261103", "20261103")]
    {
        for structured in [false, true] {
            let mut desk = Desk::with_customers(Policy::default());
            invoice_in(&mut desk, "NOK", ("INV-7", "A"), &[(given, Some(Scheme::Kid))]);
            let mut bank = credit_saying("T1", "100.00", &[text]);
            bank.amount = Money::from_micros(100_000_000, currency("NOK"));
            if structured {
                bank.creditor_reference = Some(given.to_owned());
            }
            let (_, state) = desk.receive(bank);
            assert_eq!(state == PaymentState::Allocated, structured, "{text}: {state:?}");
        }
    }
}

/// One in five numbers verifies by a scheme: what a word says is a telephone, a customer or a house
/// is nobody's reference, and few digits among other words are none.
#[test]
fn digits_that_are_said_to_be_something_else_are_no_reference() {
    let texts = [
        ("tlf 1234567897", "NOK", false),
        ("Kundenr. 1234567897", "NOK", false),
        ("No. 1234561 Orchard Road", "EUR", false),
        ("asiakasnro 1234561", "EUR", false),
        ("puh. 123 4561", "EUR", false),
        ("topup 1234561 thanks", "EUR", false),
        ("viite 1234561", "EUR", true),
        ("Laskun viite: 1234561", "EUR", true),
        ("1234561", "EUR", true),
        ("topup 1234567897 takk", "NOK", true),
    ];
    for (text, code, paid) in texts {
        let given = if code == "NOK" { "1234567897" } else { "1234561" };
        let mut desk = Desk::with_customers(Policy::default());
        invoice_in(&mut desk, code, ("INV-7", "A"), &[(given, None)]);
        invoice_in(&mut desk, code, ("INV-8", "B"), &[]);
        let mut bank = credit_saying("T1", "100.00", &[text]);
        bank.amount = Money::from_micros(100_000_000, currency(code));
        let (_, state) = desk.receive(bank);
        assert_eq!(state == PaymentState::Allocated, paid, "{text}: {state:?}");
    }
}

/// One wrong digit, two swapped, one missing or too many, in the field and on a line of its own: no
/// reference any more, and nothing is paid; a person sees the one that was nearly written. The
/// other customer has an invoice of the same amount.
#[test]
fn a_mistyped_reference_of_upstream_is_suggested_and_never_paid() {
    let schemes = [
        ("CHF", "210000000003139471430009017", Scheme::Qrr),
        ("EUR", "090933755493", Scheme::Ogm),
        ("NOK", "1234567897", Scheme::Kid),
        ("SEK", "1234567897", Scheme::Ocr),
        ("EUR", "1234561", Scheme::Viite),
    ];
    for (code, given, scheme) in schemes {
        for typed in mistakes(given) {
            let verifies = scheme.verifies(&typed);
            for field in [true, false] {
                let mut desk = Desk::with_customers(Policy::default());
                invoice_in(&mut desk, code, ("INV-7", "A"), &[(given, Some(scheme))]);
                invoice_in(&mut desk, code, ("INV-8", "B"), &[]);
                let mut bank = credit_saying("T1", "100.00", &[]);
                bank.amount = Money::from_micros(100_000_000, currency(code));
                match field {
                    true => bank.creditor_reference = Some(typed.clone()),
                    false => bank.unstructured = vec![typed.clone()],
                }
                let (_, state) = desk.receive(bank);
                let told = format!("{scheme:?} {typed} (verifies: {verifies}): {state:?}");
                assert!(matches!(state, PaymentState::Parked(_)), "{told}");
                // A day, and what is too short, is not looked for.
                let sought = typed.len() >= 7 && !is_day(&typed);
                assert_eq!(desk.suggested("T1") == ["INV-7"], sought, "{told}");
            }
        }
    }
}

/// A plain number is kept without the zeros before its digits, and read with them.
#[test]
fn a_mistyped_number_of_upstream_with_zeros_is_suggested_alone_on_its_line() {
    for typed in ["S0007654821", "S000765432", "S0076543210", "S007654231", "S00007654321"] {
        let mut desk = Desk::with_customers(Policy::default());
        invoice_in(&mut desk, "SGD", ("INV-7", "A"), &[("S0007654321", None)]);
        invoice_in(&mut desk, "SGD", ("INV-8", "B"), &[]);
        let (_, state) = desk.receive(credit_saying("T1", "100.00", &[typed]));
        assert!(matches!(state, PaymentState::Parked(_)), "{typed}: {state:?}");
        assert_eq!(desk.suggested("T1"), ["INV-7"], "{typed}: {state:?}");
    }
}

fn is_day(digits: &str) -> bool {
    crate::matching::weak::is_date_digits(digits)
}

/// Every single mistake in the digits, but for those that change nothing.
fn mistakes(given: &str) -> Vec<String> {
    let bytes = given.as_bytes();
    let mut found = std::collections::BTreeSet::new();
    for at in 0..bytes.len() {
        let mut keep = |parts: [&[u8]; 3]| {
            found.insert(String::from_utf8(parts.concat()).expect("digits"));
        };
        let (head, tail) = bytes.split_at(at);
        keep([head, &[b'0' + (bytes[at] - b'0' + 3) % 10], &tail[1..]]);
        keep([head, b"", &tail[1..]]);
        keep([head, b"4", tail]);
        if let [left, right, beyond @ ..] = tail {
            keep([head, &[*right, *left], beyond]);
        }
    }
    found.remove(given);
    found.into_iter().collect()
}

/// Upstream gave another invoice what would be minted: this one gets the next choice, and there is
/// always one.
#[test]
fn what_is_minted_is_nobodys() {
    for taken in [1, 3, 32, 100] {
        let mut desk = Desk::with_customers(Policy::default());
        let own = desk.message(Input::Command(Command::CreateInvoice(create("INV-9", "B", "1"))));
        let choice = |number| reference::mint_nth(&own.content_hash, number);
        for number in 0..taken {
            let id = format!("INV-{}", number + 10);
            invoice_with(&mut desk, &id, "A", &[(choice(number).as_str(), None)]);
        }
        let outcome = desk.feed(&own);
        assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
        assert_eq!(desk.reference("INV-9"), choice(taken));
    }
}

/// As banks carry it: with zeros before it, as ISO 11649, glued to its word, behind any word.
/// B's invoice has the same amount, so that the amount alone says nothing.
#[test]
fn a_reference_is_found_as_banks_carry_it() {
    let (viite, kid, ocr) = (Some(Scheme::Viite), Some(Scheme::Kid), Some(Scheme::Ocr));
    for (code, given, scheme, field, quote) in [
        ("EUR", "681458725", viite, true, "00000000000681458725"),
        ("EUR", "681458725", None, true, "00000000000681458725"),
        ("EUR", "00000000000681458725", viite, true, "681458725"),
        ("EUR", "699897530", viite, true, "RF77699897530"),
        ("EUR", "699897530", viite, true, "RF77 6998 9753 0"),
        ("EUR", "699897530", viite, true, "RF77000699897530"),
        ("EUR", "699897530", viite, false, "RF77 6998 9753 0"),
        ("EUR", "RF77699897530", None, true, "699897530"),
        ("EUR", "RF77699897530", None, true, "00000000000699897530"),
        ("EUR", "RF77699897530", None, false, "viite 69989 7530"),
        ("NOK", "5971782635", kid, true, "00005971782635"),
        ("NOK", "00005971782635", kid, true, "5971782635"),
        ("NOK", "5971782635", kid, false, "KID00005971782635"),
        ("EUR", "497345925", viite, false, "VIITE497345925"),
        ("EUR", "497345925", viite, false, "viite:497345925"),
        ("EUR", "896498172", viite, false, "viitenumber 896498172"),
        ("EUR", "896498172", viite, false, "Viitenro. 896498172"),
        ("EUR", "896498172", viite, false, "maksuviite 896498172"),
        ("SEK", "766888713", ocr, false, "OCR-nr: 766888713"),
        ("SEK", "766888713", ocr, false, "OCR nr 766888713"),
        ("SEK", "766888713", ocr, false, "OCR766888713"),
        ("SEK", "766888713", ocr, false, "OCRnr 766888713"),
        ("CHF", QRR, None, false, "QRR210000000003139471430009017"),
        ("CHF", QRR, None, false, "QRR21 00000 00003 13947 14300 09017"),
    ] {
        let mut desk = Desk::with_customers(Policy::default());
        invoice_in(&mut desk, code, ("INV-7", "A"), &[(given, scheme)]);
        invoice_in(&mut desk, code, ("INV-8", "B"), &[]);
        let mut bank = credit_saying("T1", "100.00", &[]);
        bank.amount = Money::from_micros(100_000_000, currency(code));
        match field {
            true => bank.creditor_reference = Some(quote.to_owned()),
            false => bank.unstructured = vec![quote.to_owned()],
        }
        let got = desk.receive(bank);
        assert_eq!(got, (Rule::CheckedReference, PaymentState::Allocated), "{given} {quote}");
        assert_eq!(desk.owner("T1"), Some("A"), "{given} {quote}");
    }
}

/// References of Croatia and Slovenia have no check digits of their own here: as plain numbers they
/// are found letter for letter, and another customer's invoice of the amount is not put before.
#[test]
fn references_with_a_model_are_found_letter_for_letter() {
    for (given, quote) in [
        ("HR01 7336-68947", "HR01 7336-68947"),
        ("HR01 7336-68947", "HR017336-68947"),
        ("HR01 7336-68947", "uplata HR01 7336-68947 hvala"),
        ("HR017336-68947", "HR01 7336-68947"),
        ("HR00 123-456-789", "HR00 123-456-789"),
        ("SI12 1234567890120", "SI12 1234567890120"),
        ("SI12 1234567890120", "SI121234567890120"),
        ("SI12 1234567890120", "SI12 1234 5678 9012 0"),
    ] {
        for field in [true, false] {
            let mut desk = Desk::with_customers(Policy::default());
            invoice_in(&mut desk, "EUR", ("INV-7", "A"), &[(given, None)]);
            invoice_in(&mut desk, "EUR", ("INV-8", "B"), &[]);
            let mut bank = credit_saying("T1", "100.00", &[]);
            bank.amount = Money::from_micros(100_000_000, currency("EUR"));
            match field {
                true => bank.creditor_reference = Some(quote.to_owned()),
                false => bank.unstructured = vec![quote.to_owned()],
            }
            desk.receive(bank);
            assert_eq!(desk.suggested("T1"), ["INV-7"], "{given} {quote}");
        }
    }
}
