//! Numbers without their year or their letters, and with a digit slipped, over the amount due and
//! over others, from a stranger and from the invoice's own payer.

use crate::bank::BankTransaction;
use crate::matching::policy::Policy;
use crate::testkit::*;

/// What becomes of the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The invoice is paid without a person.
    Paid,
    /// The invoice is what is suggested first.
    First,
    /// It is parked, and the invoice is not what is suggested first.
    Not,
    /// Another invoice of its customer is paid without a person.
    Else,
    /// The money went to another customer.
    Wrong,
}

use End::{First, Not, Paid};

/// From a stranger over what is due, and over less and more; from the known payer the same.
type Ends = [End; 6];

const WRITTEN: Ends = [Paid, First, First, Paid, First, Paid];
const DOUBTFUL: Ends = [First, First, First, Paid, First, Paid];
/// A word says that they are an invoice's digits: that is all there is where the amount is another.
const SAID: Ends = [First, First, First, Paid, First, First];
const DIGITS: Ends = [First, Not, Not, Paid, First, First];
/// One digit is another: a stranger's may be anything.
const SLIP: Ends = [First, Not, Not, Paid, First, First];
const BARE_SLIP: Ends = [Not, Not, Not, Paid, First, First];

#[rustfmt::skip]
const TEXTS: &[(&str, &str, Ends)] = &[
    ("INV-2026-97137", "INV.2026.97137", WRITTEN), ("INV-2026-97137", "INV 2026 97137", WRITTEN),
    ("INV-2026-97137", "INV - 2026 - 97137", WRITTEN),
    ("INV-2026-97137", "INV-2026_97137", WRITTEN),
    ("INV-2026-97137", "INV-2026 97137", DOUBTFUL), ("INV-2026-97137", "INV_2026 97137", DOUBTFUL),
    ("INV-2026-97137", "INV2026 97137", SAID), ("INV-2026-97137", "INV97137/26", SAID),
    ("INV-2026-97137", "INV 97137", SAID), ("INV-2026-97137", "INV-97137", SAID),
    ("INV-2026-97137", "INV97137", SAID), ("INV-2026-97137", "INV _97137", SAID),
    ("INV-2026-97137", "Invoice 97137", SAID), ("INV-2026-97137", "invoice no. 97137", SAID),
    ("INV-2026-97137", "Rechnung 97137", SAID), ("INV-2026-97137", "счёт № 97137", SAID),
    ("INV-2026-97137", "97137", DIGITS), ("INV-2026-97137", "topup 97137", DIGITS),
    ("INV-2026-97137", "#97137", DIGITS), ("INV-2026-97137", "/97137", DIGITS),
    ("INV-2026-97137", "2026-97137", DIGITS), ("INV-2026-97137", "202697137", DIGITS),
    ("INV-2026-97137", "97137/2026", DIGITS), ("INV-2025-97137", "INV 97137", SAID),
    ("INV-2026-97137", "INV 2026-97173", SLIP), ("INV-2026-97137", "INV 97173", SLIP),
    ("INV-2026-97137", "INV-9713", SLIP), ("INV-2026-97137", "97173", BARE_SLIP),
    ("INV-2026-00013", "INV 13", SAID), ("INV-2026-00013", "INV-00013", SAID),
    ("INV-2026-00013", "Invoice 13", SAID), ("INV-2026-00013", "00013", DIGITS),
    ("INV-35563", "INV _35563", WRITTEN), ("INV-35563", "INV_35563", WRITTEN),
    ("INV-35563", "INV 35536", SLIP), ("INV-35563", "Invoice 35536", SLIP),
    ("INV-35563", "35563", DIGITS), ("INV-35563", "35536", BARE_SLIP),
    ("RE-97137", "RE 97137", DOUBTFUL), ("RE-97137", "RE-97173", SLIP),
    ("RE-97137", "RE 97173", SLIP), ("RE-97137", "Rechnung 97173", SLIP),
    ("RE-97137", "Re.Nr. 97173", SLIP), ("RE-97137", "97173", BARE_SLIP),
    ("2026-97137", "2026-97173", SLIP), ("2026-97137", "Invoice 2026-97173", SLIP),
    ("2026-97137", "Invoice 2026/97173", SLIP), ("2026-97137", "Rechnung 97173", SLIP),
    ("2026-97137", "97137", DIGITS), ("2026-97137", "Invoice 97137", SAID),
    ("97137", "Invoice 97173", SLIP), ("97137", "Invoice 9713", SLIP), ("97137", "INV 97173", SLIP),
    ("97137", "97173", BARE_SLIP), ("97137", "INV-97137", SAID),
    ("F97137", "F97173", SLIP), ("F97137", "Facture F 97173", SLIP), ("F97137", "97137", DIGITS),
    ("SO-4411", "SO 4412", SLIP), ("SO-4411", "SO4421", SLIP), ("SO-4411", "SO-441", SLIP),
];

/// A has another invoice of the amount that comes before, and B has two.
fn end(id: &str, text: &str, amount: &str, payer: &str) -> End {
    let mut desk = Desk::with_customers(Policy::default());
    for (id, owner, amount) in [
        ("00-5555555", "A", "77.77"),
        ("QQ-1111111", "A", "500"),
        ("XK-3333333", "B", "77.77"),
        ("XK-4444444", "B", "77.77"),
        (id, "A", "77.77"),
    ] {
        desk.invoice(id, owner, amount);
    }
    let bank = BankTransaction {
        debtor_account: Some(payer.to_owned()),
        ..credit_saying("1", amount, &[text])
    };
    desk.receive(bank);
    let paid = desk.pays("1");
    let pays = |id: &str| paid.iter().any(|part| part.split(' ').next() == Some(id));
    match (paid.is_empty(), desk.suggested("1").first()) {
        (true, Some(first)) if *first == id => First,
        (true, _) => Not,
        (false, _) if paid.iter().any(|part| part.starts_with("XK")) => End::Wrong,
        (false, _) if pays(id) => Paid,
        (false, _) => End::Else,
    }
}

#[test]
fn numbers_without_their_year_and_slips_are_read() {
    let mut missed = Vec::new();
    for (id, text, expected) in TEXTS {
        let cases = ["STRANGER77", "PAYERA"]
            .map(|payer| ["77.77", "50", "90"].map(|amount| end(id, text, amount, payer)));
        let got = cases.concat();
        missed.extend((got != expected).then(|| format!("{id} <- {text}: {got:?} {expected:?}")));
    }
    assert!(missed.is_empty(), "{} of {}: {missed:#?}", missed.len(), TEXTS.len());
}

/// Of one number in two years, and of two numbers one slip away, each is shown and none is paid.
#[test]
fn what_may_be_two_invoices_is_a_persons_to_say() {
    for (ids, text) in [
        (["INV-2026-97137", "INV-2025-97137"], "INV 97137"),
        (["RE-97137", "RE-97183"], "Rechnung 97173"),
    ] {
        for owners in [["A", "A"], ["A", "B"]] {
            let mut desk = Desk::with_customers(Policy::default());
            for (id, owner) in ids.iter().zip(owners) {
                desk.invoice(id, owner, "77.77");
            }
            desk.receive(credit_saying("1", "77.77", &[text]));
            let mut told = desk.suggested("1");
            told.sort_unstable();
            let mut both = ids.to_vec();
            both.sort_unstable();
            assert_eq!((desk.pays("1").len(), told), (0, both), "{text}");
        }
    }
}

/// Croatia's and Slovenia's models, with blanks and hyphens wherever people put them.
#[test]
fn models_are_read_however_they_are_written() {
    let mut missed = Vec::new();
    for (given, text) in [
        ("HR00 123-456-789", "HR00 123-456-789"),
        ("HR00 123-456-789", "HR 00 123-456-789"),
        ("HR00 123-456-789", "HR00-123-456-789"),
        ("HR00 123-456-789", "HR-00-123-456-789"),
        ("HR00 123-456-789", "HR00123-456-789"),
        ("HR00 123-456-789", "HR 00123-456-789"),
        ("HR00 123-456-789", "HR00 123 456 789"),
        ("HR00 123-456-789", "HR00 123 - 456 - 789"),
        ("HR00123-456-789", "HR 00 123-456-789"),
        ("HR00-123-456-789", "HR00 123-456-789"),
        ("HR01 7336-68947", "HR 01 7336-68947"),
        ("HR01 7336-68947", "hr01-7336-68947 hvala"),
        ("HR01 7336-68947", "poziv na broj HR01 7336 68947"),
        ("SI00 2026-97137", "SI 00 2026-97137"),
        ("SI00 2026-97137", "SI00-2026-97137"),
        ("SI12 1234567890120", "SI 12 1234567890120"),
        ("SI12 1234567890120", "SI12-1234567890120"),
        ("SI12 1234567890120", "SI 12 1234 5678 9012 0"),
    ] {
        let mut desk = Desk::with_customers(Policy::default());
        desk.apply(quoted("INV-9001", &[given]));
        desk.invoice("XK-900001", "B", "5");
        desk.receive(credit_saying("1", "5", &[text]));
        let told = desk.suggested("1") == ["INV-9001"];
        missed.extend((!told || !desk.pays("1").is_empty()).then_some((given, text)));
    }
    assert!(missed.is_empty(), "{}: {missed:#?}", missed.len());
}

/// A variable symbol says what is paid, as an invoice's number does; the other symbols do not.
#[test]
fn a_variable_symbol_names_an_invoice() {
    let mut missed = Vec::new();
    for text in [
        "VS 2026001",
        "VS:2026001",
        "VS: 2026001",
        "VS2026001",
        "VS-2026001",
        "/VS2026001",
        "/VS/2026001",
        "/VS2026001/SS1/KS0308",
        "VS2026001 SS1 KS0308",
        "VS 2026001 KS 0308 SS 1",
        "VS:2026001 KS:0308",
        "KS 0308 VS 2026001",
        "platba VS 2026001",
        "var. symbol 2026001",
        "variabilní symbol: 2026001",
        "Variabilný symbol 2026001",
        "VS 0002026001",
    ] {
        let mut desk = Desk::with_customers(Policy::default());
        for (id, owner) in [("2026001", "A"), ("0308", "B"), ("XK-900001", "B")] {
            desk.invoice(id, owner, "77.77");
        }
        desk.receive(credit_saying("1", "77.77", &[text]));
        let exact = desk.pays("1") == ["2026001 77.77 SGD"];
        let padded = text.contains("000") && desk.suggested("1") == ["2026001"];
        missed.extend((!exact && !padded).then_some((
            text,
            desk.pays("1"),
            desk.suggested("1").len(),
        )));
    }
    assert!(missed.is_empty(), "{}: {missed:#?}", missed.len());
    // Alone, and with another amount, they pay nothing.
    for (text, amount) in [
        ("KS 0308", "77.77"),
        ("SS 2026001", "77.77"),
        ("VS 2026001", "50"),
        ("VS 2025 KS 0308 SS 2026001", "77.77"),
    ] {
        let mut desk = Desk::with_customers(Policy::default());
        desk.invoice("2026001", "A", "77.77");
        desk.invoice("0308", "B", "77.77");
        desk.receive(credit_saying("1", amount, &[text]));
        assert_eq!(desk.pays("1"), Vec::<String>::new(), "{text}");
    }
}
