//! Cases 19, 62 and 70 of `docs/EDGE_CASES.md`: what a record may hold.

use super::*;

/// A payment provider sends half a cent, a fraction of a yen, a tenth of a fils. The record is
/// refused with its own code. Nothing is rounded; zeros at the end are no decimals.
#[test]
fn edge_19_more_decimals_than_the_currency_has_are_refused() {
    let kind = "topup.bank.transaction.v1";
    let transaction = |amount: &str, currency: &str| {
        let plain = with(TRANSACTION, r#""charges":"0.50""#, r#""charges":"0""#);
        let data = with(&plain, r#""amount":"100.00""#, &format!(r#""amount":"{amount}""#));
        with(&data, r#""currency":"SGD""#, &format!(r#""currency":"{currency}""#))
    };
    let cases = [
        ("100.005", "100.01", "SGD"),
        ("1000.50", "1000", "JPY"),
        ("1000.01", "1001.00", "JPY"),
        ("1.2345", "1.234", "KWD"),
    ];
    for (refused, accepted, currency) in cases {
        let code = code_of(kind, &transaction(refused, currency));
        assert_eq!(code, Err(DecodeCode::AmountScale), "{refused} {currency}");
        let input = input_of(kind, &transaction(accepted, currency));
        let Input::BankTransaction(bank) = input else { panic!("{input:?}") };
        assert_eq!((bank.amount.code(), bank.amount.to_micros()), (currency, micros(accepted)));
    }
}

fn micros(amount: &str) -> Result<i64, crate::domain::money::MoneyError> {
    let amount = crate::domain::money::Amount::parse(amount).expect("an amount");
    amount.with_all_decimals(crate::domain::money::Currency::parse("SGD").expect("SGD")).to_micros()
}

/// An invoice over nothing would be paid at once, and one over less would take money out. Neither
/// is an invoice.
#[test]
fn edge_62_an_invoice_over_zero_or_less_is_refused() {
    let kind = "topup.invoice.create.v1";
    for amount in ["\"0\"", "\"0.00\"", "\"-5\"", "\"-0.01\"", "-5", "0", "\"\""] {
        let data = with(CREATE, r#""amount":"100.00""#, &format!(r#""amount":{amount}"#));
        assert_eq!(code_of(kind, &data), Err(DecodeCode::AmountInvalid), "{amount}");
    }
    let data = with(CREATE, "100.00", "0.01");
    assert_eq!(code_of(kind, &data), Ok(()));
}

/// Control characters, quotes, formulas and fields of JSON in a payer's text are text: kept as
/// they came, not refused, because refusing a fact hides money. What is kept of it has an end.
#[test]
fn edge_70_a_payers_text_is_data_and_has_an_end() {
    let kind = "topup.bank.transaction.v1";
    let hostile = [
        "\u{1b}]0;owned\u{7}",
        "=cmd|' /C calc'!A0",
        "a\r\n2026-11-22 INFO paid",
        "\",\"amount\":\"999999.00\",\"x\":\"",
        "\u{202e}1-VNI\0",
    ];
    for text in hostile {
        let json = serde_json::to_string(text).expect("JSON");
        let data = with(TRANSACTION, r#""INV-1001""#, &json);
        let Input::BankTransaction(bank) = input_of(kind, &data) else { panic!("{text:?}") };
        assert_eq!(bank.unstructured, [text, "thanks"]);
        assert_eq!(bank.amount.number(), "100.00");
        assert!(!format!("{bank:?}").contains(text), "not in a log");
    }
    // What is longer than what is kept is cut, and the payment is recorded all the same.
    let long = |tail: &str| {
        let text = format!("\"INV-1001 {} {tail}\"", "9".repeat(20_000));
        let data = with(TRANSACTION, r#""INV-1001""#, &text);
        let Input::BankTransaction(bank) = input_of(kind, &data) else { panic!("{tail}") };
        bank.unstructured
    };
    let kept = long("a");
    assert_eq!(kept.first().map(String::as_str), Some("INV-1001"));
    assert!(kept.get(1).is_some_and(|mark| mark.starts_with("[cut: 20009 bytes, sha256 ")));
    assert_eq!((kept.len(), kept == long("a"), kept == long("b")), (2, true, false));
}
