//! The commands that split a payment and take that back.

use DecodeCode::{AmountInvalid, DataInvalid, IdInvalid};

use super::*;
use crate::domain::allocation::AllocationPart;
use crate::domain::input::Command;
use crate::domain::money::Amount;
use crate::domain::split::{Share, SplitPayment};

const KIND: &str = "topup.payment.split.v1";

#[test]
fn a_split_is_read_part_by_part() {
    let amount = |text| Amount::parse(text).expect("amount");
    let id = |text| crate::domain::ids::InvoiceId::trusted(text);
    let account = |text| crate::domain::ids::AccountId::trusted(text);
    let expected = SplitPayment {
        payment_id: crate::domain::ids::PaymentId::trusted("PAY-1"),
        account_id: account("ACC-1"),
        parts: vec![
            Share {
                account_id: account("ACC-1"),
                amount: amount("60.5"),
                allocations: vec![
                    AllocationPart { invoice_id: id("INV-1"), amount: Some(amount("60")) },
                    AllocationPart { invoice_id: id("INV-2"), amount: None },
                ],
            },
            Share { account_id: account("ACC-2"), amount: amount("40"), allocations: Vec::new() },
        ],
        reason: Some("a settlement".to_owned()),
    };
    assert_eq!(input_of(KIND, SPLIT), Input::Command(Command::SplitPayment(expected)));
}

#[test]
fn a_split_is_read_strictly() {
    let part = r#"{"account_id":"ACC-2","amount":"40"}"#;
    let many = |count: usize| {
        let one = |n: usize| format!(r#"{{"account_id":"N{n}","amount":"1"}}"#);
        (0..count).map(one).collect::<Vec<_>>().join(",")
    };
    let paying = |count: usize| {
        let one = |n: usize| format!(r#"{{"invoice_id":"N{n}"}}"#);
        let list = (0..count).map(one).collect::<Vec<_>>().join(",");
        format!(r#"{{"account_id":"ACC-2","amount":"40","allocations":[{list}]}}"#)
    };
    let cases = [
        (part, many(49), Ok(())),
        (part, many(50), Err(DataInvalid)),
        (part, paying(50), Ok(())),
        (part, paying(51), Err(DataInvalid)),
        (part, paying(0), Ok(())),
        (part, with(part, "ACC-2", "ACC-1"), Err(DataInvalid)),
        (part, with(part, "{", r#"{"currency":"SGD","#), Err(DataInvalid)),
        (part, with(part, r#""40""#, "40"), Err(AmountInvalid)),
        (part, with(part, "40", "0"), Err(AmountInvalid)),
        (part, with(part, "ACC-2", "ACC 2"), Err(IdInvalid)),
        (part, r#"["ACC-2","40"]"#.to_owned(), Err(DataInvalid)),
        ("INV-2", "INV-1".to_owned(), Err(DataInvalid)),
        ("INV-2", "\\n".to_owned(), Err(IdInvalid)),
        (r#""amount":"60.5","#, String::new(), Err(DataInvalid)),
        (r#","amount":"60""#, String::new(), Ok(())),
    ];
    for (old, new, expected) in cases {
        let data = with(SPLIT, old, &new);
        assert_eq!(code_of(KIND, &data), expected, "{data}");
    }
    let parts =
        &SPLIT[SPLIT.find("[{\"account").expect("parts")..SPLIT.find("],\"reason").expect("end")];
    assert_eq!(code_of(KIND, &with(SPLIT, parts, "[")), Err(DataInvalid));
    assert_eq!(code_of("topup.payment.unsplit.v1", &with(UNSPLIT, "PAY-1", "")), Err(IdInvalid));
    for part in [r#","reason":"a settlement""#, r#","reason":"wrong shares""#] {
        let (kind, data) = if SPLIT.contains(part) {
            (KIND, SPLIT)
        } else {
            ("topup.payment.unsplit.v1", UNSPLIT)
        };
        assert_eq!(code_of(kind, &with(data, part, "")), Ok(()));
    }
}

#[test]
fn a_word_on_a_parked_return_takes_payments_or_none() {
    const RETURN: &str = "topup.return.resolve.v1";
    let cases = [
        (r#""action":"take""#, r#""action":"end""#, Err(DataInvalid)),
        (r#""action":"take""#, r#""action":"split""#, Err(DataInvalid)),
        ("PAY-2", "PAY-1", Err(DataInvalid)),
        (r#","amount":"40""#, "", Err(DataInvalid)),
        (r#","fee":"3""#, "", Ok(())),
        (r#","fee":"3""#, r#","fee":"0""#, Err(AmountInvalid)),
        (r#","reason":"the bank said so""#, "", Ok(())),
        ("OURS", "", Err(IdInvalid)),
        (r#","amount":"60.5"},{"payment_id":"PAY-2","amount":"40"}"#, "}", Ok(())),
        (
            r#"[{"payment_id":"PAY-1","amount":"60.5"},{"payment_id":"PAY-2","amount":"40"}]"#,
            "[]",
            Err(DataInvalid),
        ),
    ];
    for (old, new, expected) in cases {
        let data = with(super::RESOLVE, old, new);
        assert_eq!(code_of(RETURN, &data), expected, "{data}");
    }
    let end = r#"{"account_id":"A","bank_account":"OURS","bank_key":"print:1","action":"end"}"#;
    assert_eq!(code_of(RETURN, end), Ok(()));
}

/// What one part pays is never taken for what another pays.
#[test]
fn the_parts_of_a_split_are_kept_apart_in_its_content() {
    let split = |first: &str, second: &str| {
        let data = format!(
            r#"{{"payment_id":"P","account_id":"A","parts":[{{"account_id":"A","amount":"1","allocations":[{first}]}},{{"account_id":"B","amount":"1","allocations":[{second}]}}]}}"#
        );
        decode_data(KIND, &data).expect("a split").content_hash
    };
    let (one, other) = (r#"{"invoice_id":"I"}"#, r#"{"invoice_id":"J"}"#);
    let both = format!("{one},{other}");
    let hashes = [split(&both, ""), split("", &both), split(one, other), split(other, one)];
    let distinct: std::collections::BTreeSet<_> = hashes.iter().collect();
    assert_eq!(distinct.len(), hashes.len());
}
