//! What a bank states beside the transaction: the amount ordered, and the place in an entry.

use super::*;
use crate::domain::bank::{BankTransaction, EntryDetail};
use crate::domain::money::{Currency, Money};
use DecodeCode::{AmountInvalid, AmountScale, CurrencyUnknown, DataInvalid};

const KIND: &str = "topup.bank.transaction.v1";
const INSTRUCTED: &str = r#""instructed":{"amount":"75.50","currency":"EUR"}"#;
const DETAIL: &str = r#""detail_index":2,"entry_amount":"350.00","entry_details":4"#;

fn and(more: &str) -> String {
    with(TRANSACTION, "{", &format!("{{{more},"))
}

fn transaction(data: &str) -> BankTransaction {
    match input_of(KIND, data) {
        Input::BankTransaction(transaction) => *transaction,
        other => panic!("{other:?}"),
    }
}

fn money(text: &str, currency: &str) -> Money {
    Money::parse(text, Currency::parse(currency).expect("currency")).expect("amount")
}

#[test]
fn they_are_read() {
    let both = transaction(&and(&format!("{INSTRUCTED},{DETAIL}")));
    assert_eq!(both.instructed, Some(money("75.5", "EUR")));
    let entry_amount = Some(money("350", "SGD"));
    let detail = EntryDetail { index: 2, entry_amount, entry_details: Some(4) };
    assert_eq!(both.detail, Some(detail));
    let least = transaction(&and(r#""detail_index":1"#));
    let detail = EntryDetail { index: 1, entry_amount: None, entry_details: None };
    assert_eq!((least.detail, least.instructed), (Some(detail), None));
}

#[test]
fn a_bank_that_says_nothing_was_ordered_says_nothing() {
    let stated = transaction(&and(r#""instructed":{"amount":"0.00","currency":"EUR"}"#));
    assert_eq!(stated.instructed, None);
    let entry = transaction(&and(r#""detail_index":1,"entry_amount":"0.000""#));
    let entry_amount = Some(money("0", "SGD"));
    assert_eq!(entry.detail, Some(EntryDetail { index: 1, entry_amount, entry_details: None }));
}

#[test]
fn what_they_refuse() {
    let cases = [
        (r#""detail_index":null"#, DataInvalid),
        (r#""entry_amount":null"#, DataInvalid),
        (r#""instructed":null"#, DataInvalid),
        (r#""instructed":{}"#, DataInvalid),
        (r#""instructed":{"amount":"1"}"#, DataInvalid),
        (r#""instructed":{"currency":"EUR"}"#, DataInvalid),
        (r#""instructed":["1","EUR"]"#, DataInvalid),
        (r#""instructed":"1 EUR""#, DataInvalid),
        (r#""instructed":{"amount":"1","currency":"EUR","rate":"1.5"}"#, DataInvalid),
        (r#""instructed":{"amount":1,"currency":"EUR"}"#, AmountInvalid),
        (r#""instructed":{"amount":"-1","currency":"EUR"}"#, AmountInvalid),
        (r#""instructed":{"amount":"1e3","currency":"EUR"}"#, AmountInvalid),
        (r#""instructed":{"amount":"1","currency":"eur"}"#, CurrencyUnknown),
        (r#""instructed":{"amount":"1.001","currency":"EUR"}"#, AmountScale),
        (r#""instructed":{"amount":"1.5","currency":"JPY"}"#, AmountScale),
        (r#""detail_index":0"#, DataInvalid),
        (r#""detail_index":-1"#, DataInvalid),
        (r#""detail_index":1.0"#, DataInvalid),
        (r#""detail_index":"1""#, DataInvalid),
        (r#""detail_index":100001"#, DataInvalid),
        (r#""detail_index":99999999999999999999"#, DataInvalid),
        (r#""detail_index":5,"entry_details":4"#, DataInvalid),
        (r#""detail_index":1,"entry_details":0"#, DataInvalid),
        (r#""detail_index":1,"entry_amount":"1.001""#, AmountScale),
        // The entry itself is no record.
        (r#""entry_amount":"350.00""#, DataInvalid),
        (r#""entry_details":4"#, DataInvalid),
    ];
    for (more, code) in cases {
        assert_eq!(code_of(KIND, &and(more)), Err(code), "{more}");
    }
    // Without a name of the entry nobody knows which details belong together.
    let nameless = with(&and(DETAIL), r#""bank_transaction_id":"DBS-1","#, "");
    assert_eq!(code_of(KIND, &nameless), Ok(()));
    let nameless = with(&nameless, r#""statement_id":"ST 7","#, "");
    assert_eq!(code_of(KIND, &nameless), Err(DataInvalid));
}

/// The amount ordered is content; the place in the entry says how the transaction was delivered.
#[test]
fn what_of_them_is_content() {
    let hashes = |data: &str| {
        let message = decode_data(KIND, data).expect(data);
        (message.content_hash, message.bank_hash)
    };
    let plain = hashes(TRANSACTION);
    let stated = hashes(&and(INSTRUCTED));
    assert!(stated.0 != plain.0 && stated.1 != plain.1);
    for (part, other) in [("75.50", "75.51"), ("EUR", "USD")] {
        let changed = hashes(&with(&and(INSTRUCTED), part, other));
        assert!(changed.0 != stated.0 && changed.1 != stated.1, "{part}");
    }
    assert_eq!(hashes(&with(&and(INSTRUCTED), "75.50", "75.5")), stated);
    let detail = hashes(&and(DETAIL));
    assert!(detail.0 != plain.0 && detail.1 == plain.1);
}
