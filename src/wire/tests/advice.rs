//! Remittance advice: its fields, what its amounts must be, and what of it is content.

use super::DecodeCode::{
    AdviceSumMismatch, AdviceWithoutKey, AmountInvalid, AmountScale, DataInvalid, IdInvalid,
};
use super::*;
use crate::domain::advice::{AdviceKey, AdviceLine, LINES_MAX, LineName, RemittanceAdvice};
use crate::domain::ids::{AdviceId, BankAccountId, InvoiceId};
use crate::domain::money::{Currency, Money};

const KIND: &str = "topup.remittance.advice.v1";

#[test]
fn an_advice_is_read() {
    let sgd = Currency::parse("SGD").expect("a currency");
    let money = |text| Money::parse(text, sgd).expect("money");
    let line = |name, amount| AdviceLine { name, amount: money(amount) };
    let told = RemittanceAdvice {
        key: AdviceKey {
            bank_account: BankAccountId::trusted("SG-DBS-001"),
            advice_id: AdviceId::trusted("REM-7"),
        },
        payer_account: Some("072-000.1234".to_owned()),
        payment_reference: Some("REM/2026/417".to_owned()),
        amount: money("100"),
        lines: vec![
            line(LineName::Invoice(InvoiceId::trusted("INV-1")), "60.5"),
            line(LineName::Reference("RF18 INV1001".to_owned()), "39.5"),
        ],
    };
    assert_eq!(told.payer_key().as_deref(), Some("0720001234"));
    assert_eq!(told.reference_key().as_deref(), Some("REM2026417"));
    assert_eq!(told.lines[1].name.reference_key().as_deref(), Some("RF18INV1001"));
    let decoded = decode_data(KIND, ADVICE).expect("sample");
    assert_eq!(decoded.input, Input::Advice(Box::new(told)));
    assert!(!format!("{decoded:?}").contains("0720001234"), "no account number in a log");
}

#[test]
fn each_field_is_checked() {
    let cases = [
        (r#""60.5""#, r#""60.51""#, Err(AdviceSumMismatch)),
        (r#""100.00""#, r#""100.01""#, Err(AdviceSumMismatch)),
        (r#""100.00""#, r#""0""#, Err(AmountInvalid)),
        (r#""60.5""#, r#""100.5""#, Err(AdviceSumMismatch)),
        (r#""39.5""#, r#""-39.5""#, Err(AmountInvalid)),
        (r#""39.5""#, r#""39.505""#, Err(AmountScale)),
        (r#""39.5""#, "39.5", Err(AmountInvalid)),
        ("REM-7", "", Err(IdInvalid)),
        ("REM-7", "R 7", Err(IdInvalid)),
        (r#""invoice_id":"INV-1","#, "", Err(DataInvalid)),
        (r#""invoice_id":"INV-1""#, r#""invoice_id":"INV-1","reference":"X1""#, Err(DataInvalid)),
        (r#""reference":"RF18 INV1001""#, r#""invoice_id":"INV-1""#, Err(DataInvalid)),
        ("RF18 INV1001", "paid", Err(DataInvalid)),
        ("072-000.1234", "N/A", Ok(())),
        ("REM/2026/417", "TOPUP", Ok(())),
        ("REM/2026/417", " ", Err(DataInvalid)),
    ];
    for (part, other, wanted) in cases {
        let data = with(ADVICE, part, other);
        assert_eq!(code_of(KIND, &data), wanted, "{data}");
    }
    let nobody = with(&with(ADVICE, "072-000.1234", "****1234"), "REM/2026/417", "invoice");
    assert_eq!(code_of(KIND, &nobody), Err(AdviceWithoutKey));
    let alone =
        with(ADVICE, r#""payer_account":"072-000.1234","payment_reference":"REM/2026/417","#, "");
    assert_eq!(code_of(KIND, &alone), Err(AdviceWithoutKey));
    let line = |number: usize| format!(r#"{{"invoice_id":"I{number}","amount":"1"}}"#);
    for (count, wanted) in [(LINES_MAX, Ok(())), (LINES_MAX + 1, Err(DataInvalid))] {
        let lines: Vec<String> = (0..count).map(line).collect();
        let data = format!(
            r#"{{"advice_id":"A","bank_account":"B","payer_account":"NL01BANK7","amount":"{count}","currency":"SGD","invoices":[{}]}}"#,
            lines.join(",")
        );
        assert_eq!(code_of(KIND, &data), wanted, "{count}");
    }
}

#[test]
fn how_texts_are_grouped_is_no_content() {
    let hash = |data: &str| decode_data(KIND, data).expect(data).content_hash;
    let same = [
        ("072-000.1234", "0720001234"),
        ("REM/2026/417", "rem 2026 417"),
        ("RF18 INV1001", "rf18inv1001"),
        (r#""60.5""#, r#""60.5000""#),
    ];
    for (part, other) in same {
        assert_eq!(hash(&with(ADVICE, part, other)), hash(ADVICE), "{other}");
    }
    for (part, other) in [("INV-1\"", "INV-2\""), ("REM-7", "REM-8"), ("072-000.1234", "072")] {
        assert_ne!(hash(&with(ADVICE, part, other)), hash(ADVICE), "{other}");
    }
}
