//! Single typing mistakes in the numbers of a known payer's invoices.

use std::collections::BTreeSet;

use crate::bank::BankTransaction;
use crate::matching::policy::Policy;
use crate::testkit::*;

const AMOUNTS: [&str; 10] = ["20", "50", "100", "150", "200", "250", "300", "500", "1000", "2000"];
/// Consecutive numbers, as programs give them; every third is A's.
const NUMBERS: std::ops::Range<u32> = 12_001..12_091;

fn id(number: u32) -> String {
    format!("INV-{number:07}")
}

/// Small mixes of the number, the same everywhere.
fn amount(number: u32) -> &'static str {
    let mixed = number.wrapping_mul(2_654_435_761) >> 16;
    AMOUNTS[(mixed % 10) as usize]
}

fn mistakes(word: &str) -> BTreeSet<String> {
    let bytes = word.as_bytes();
    let mut found = BTreeSet::new();
    for at in 4..bytes.len() {
        let (head, tail) = bytes.split_at(at);
        let mut keep = |parts: [&[u8]; 3]| {
            found.insert(String::from_utf8(parts.concat()).expect("ASCII"));
        };
        for digit in b'0'..=b'9' {
            keep([head, &[digit], &tail[1..]]);
        }
        keep([head, b"", &tail[1..]]);
        keep([head, b"5", tail]);
        if let [left, right, beyond @ ..] = tail {
            keep([head, &[*right, *left], beyond]);
        }
    }
    found.remove(word);
    found
}

/// At most one in a hundred is paid on another invoice of the customer, none on another customer's.
#[test]
fn single_mistakes_of_a_known_payer_pay_no_other_invoice() {
    let mut world = Desk::with_customers(Policy::default());
    for number in NUMBERS {
        let owner = if number.is_multiple_of(3) { "A" } else { "B" };
        world.invoice(&id(number), owner, amount(number));
    }
    let (mut all, mut other) = (0_usize, Vec::new());
    for number in NUMBERS.filter(|number| number.is_multiple_of(3)) {
        let meant = id(number);
        for typed in mistakes(&meant) {
            let mut desk = world.clone();
            let bank = BankTransaction {
                unstructured: vec![format!("topup {typed}")],
                ..credit_from("1", amount(number), "PAYERA")
            };
            desk.receive(bank);
            let paid = desk.pays("1");
            all += 1;
            assert!(paid.is_empty() || desk.owner("1") == Some("A"), "{typed}: {paid:?}");
            if paid.iter().any(|part| !part.starts_with(&meant)) {
                other.push((meant.clone(), typed, paid));
            }
        }
    }
    assert!(other.len() * 100 <= all, "{} of {all}: {other:#?}", other.len());
}

/// Invoices of other years end with the same digits. The text has the one that is meant but for one
/// digit, and for the others it would need a year as well.
#[test]
fn a_number_but_for_one_digit_is_nearer_than_the_same_digits_of_another_year() {
    for (meant, typed) in
        [("INV-0012345", "INV-0012346"), ("INV-0012345", "INV-0012354"), ("INV-12345", "INV-1345")]
    {
        let digits = meant.trim_start_matches("INV-");
        let mut desk = Desk::with_customers(Policy::default());
        for id in [meant.to_owned(), format!("INV-2026-{digits}"), format!("INV-2025-{digits}")] {
            desk.invoice(&id, "A", "100");
        }
        desk.receive(BankTransaction {
            unstructured: vec![format!("topup {typed}")],
            ..credit_from("1", "100", "PAYERA")
        });
        assert_eq!(desk.pays("1"), [format!("{meant} 100.00 SGD")], "{typed}");
    }
    // The digits of another as they are, and one that is a mistake away: a person says which.
    let mut desk = Desk::with_customers(Policy::default());
    desk.invoice("INV-0012345", "A", "100");
    desk.invoice("INV-2025-0012346", "A", "100");
    desk.receive(BankTransaction {
        unstructured: vec!["topup INV-0012346".to_owned()],
        ..credit_from("1", "100", "PAYERA")
    });
    assert_eq!(desk.pays("1"), Vec::<String>::new());
}
