//! Each record type: what it becomes, and what its fields refuse.

use super::*;
use crate::domain::allocation::AllocationPart;
use crate::domain::bank::{BankTransaction, CreditDebit, EntryStatus, ReturnOf};
use crate::domain::ids::{AccountId, BankAccountId, InvoiceId, PaymentId, SuggestionId};
use crate::domain::input::{
    AllocatePayment, BankStatement, Command, CreateInvoice, MatchWord, RecordPayment, UpsertAccount,
};
use crate::domain::money::{Amount, BankBalance, Currency, Money};
use DecodeCode::{
    AmountInvalid, AmountScale, CurrencyUnknown, DataInvalid, DateInvalid, IdInvalid,
};
use chrono::NaiveDate;

fn money(text: &str, currency: &str) -> Money {
    Money::parse(text, Currency::parse(currency).expect("currency")).expect("amount")
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("date")
}

fn owned(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn commands_become_commands() {
    let account_id = AccountId::trusted("ACC-1");
    let invoice_id = InvoiceId::trusted("INV-1");
    let expected = [
        Command::UpsertAccount(UpsertAccount {
            account_id: account_id.clone(),
            name: "ACME PTE LTD".into(),
            payer_accounts: Some(vec!["SG12345678".into(), "0720001234".into()]),
            virtual_accounts: Some(Vec::new()),
            credit_limits: Some(vec![money("500.50", "SGD"), money("0", "USD")]),
            stale_after_days: Some(45),
            time_zone: Some("Asia/Singapore".into()),
            balance_levels: Some(crate::domain::threshold::Levels::new([
                (money("5", "SGD").currency(), vec![money("5", "SGD"), money("20.5", "SGD")]),
                (money("0", "USD").currency(), vec![]),
            ])),
        }),
        Command::CreateInvoice(CreateInvoice {
            invoice_id: invoice_id.clone(),
            account_id: account_id.clone(),
            name: "November topup".into(),
            amount: money("100", "SGD"),
            due_date: Some(day("2026-11-30")),
            send: true,
            references: Vec::new(),
        }),
        Command::MarkInvoiceSent { invoice_id: invoice_id.clone(), account_id: account_id.clone() },
        Command::VoidInvoice {
            invoice_id: invoice_id.clone(),
            account_id: account_id.clone(),
            reason: owned("sent twice"),
            candidate_since: None,
        },
        Command::KeepInvoice {
            invoice_id: invoice_id.clone(),
            account_id: account_id.clone(),
            until: Some(day("2027-01-31")),
        },
    ];
    let commands = expected.into_iter().chain(payment_commands());
    for ((kind, _, data), expected) in SAMPLES.into_iter().zip(commands) {
        assert_eq!(expected.type_name(), kind);
        assert_eq!(input_of(kind, data), Input::Command(expected));
    }
}

fn payment_commands() -> [Command; 7] {
    let account_id = AccountId::trusted("ACC-1");
    let invoice_id = InvoiceId::trusted("INV-1");
    let payment_id = PaymentId::trusted("PAY-1");
    let word = MatchWord {
        payment_id: payment_id.clone(),
        suggestion_id: SuggestionId::trusted("7-1"),
        account_id: account_id.clone(),
        reason: owned("by alice"),
    };
    [
        Command::RecordPayment(RecordPayment {
            payment_id: payment_id.clone(),
            account_id: Some(account_id.clone()),
            amount: money("100", "SGD"),
            received_on: day("2026-11-22"),
            method: "cheque".into(),
            reference: owned("000123"),
            remark: owned("by hand"),
        }),
        Command::AssignPayment { payment_id: payment_id.clone(), account_id: account_id.clone() },
        Command::AllocatePayment(AllocatePayment {
            payment_id: payment_id.clone(),
            account_id: account_id.clone(),
            allocations: vec![
                AllocationPart {
                    invoice_id: invoice_id.clone(),
                    amount: Some(Amount::parse("60.5").expect("amount")),
                },
                AllocationPart { invoice_id: InvoiceId::trusted("INV-2"), amount: None },
            ],
        }),
        Command::DeallocatePayment {
            payment_id: payment_id.clone(),
            invoice_id,
            account_id: account_id.clone(),
            reason: owned("wrong invoice"),
        },
        Command::RemovePayment {
            payment_id: payment_id.clone(),
            account_id: account_id.clone(),
            reason: owned("typed twice"),
        },
        Command::ConfirmMatch(word.clone()),
        Command::RejectMatch(word),
    ]
}

#[test]
fn bank_records_become_facts() {
    let bank_account = BankAccountId::trusted("SG-DBS-001");
    let transaction = BankTransaction {
        bank_account: bank_account.clone(),
        bank_transaction_id: owned("DBS-1"),
        statement_id: owned("ST 7"),
        entry_reference: owned("3/1"),
        end_to_end_id: owned("NOTPROVIDED"),
        credit_debit: CreditDebit::Credit,
        status: EntryStatus::Booked,
        reversal: false,
        amount: money("100", "SGD"),
        charges: Some(money("0.5", "SGD")),
        instructed: None,
        detail: None,
        booking_date: day("2026-11-22"),
        value_date: Some(day("2026-11-23")),
        debtor_name: owned("ACME PTE LTD"),
        debtor_account: owned("0720001234"),
        virtual_account: owned("9981234"),
        creditor_reference: owned("RF18INV1001"),
        unstructured: vec!["INV-1001".into(), "thanks".into()],
        return_of: Some(ReturnOf {
            bank_transaction_id: owned("DBS-0"),
            end_to_end_id: owned("E2E"),
            reason: owned("AC04"),
        }),
    };
    let input = input_of("topup.bank.transaction.v1", TRANSACTION);
    assert_eq!(input, Input::BankTransaction(Box::new(transaction)));
    let sgd = Currency::parse("SGD").expect("SGD");
    let statement = BankStatement {
        bank_account,
        statement_id: "ST 7".into(),
        currency: sgd,
        opening_balance: BankBalance::from_micros(-10_500_000, sgd),
        closing_balance: BankBalance::from_micros(89_500_000, sgd),
        entries: 1,
        complete_through: "2026-11-22T16:00:00Z".parse().expect("instant"),
    };
    let input = input_of("topup.bank.statement.v1", STATEMENT);
    assert_eq!(input, Input::BankStatement(statement));
}

/// Optional parts can be left out.
#[test]
fn the_least_of_each_type() {
    let least = [
        ("topup.account.upsert.v1", r#"{"account_id":"A","name":"n"}"#),
        (
            "topup.invoice.create.v1",
            concat!(
                r#"{"invoice_id":"I","account_id":"A","name":"n","amount":"1""#,
                r#","currency":"JPY"}"#
            ),
        ),
        ("topup.invoice.void.v1", r#"{"invoice_id":"I","account_id":"A"}"#),
        ("topup.invoice.keep.v1", r#"{"invoice_id":"I","account_id":"A"}"#),
        (
            "topup.payment.record.v1",
            concat!(
                r#"{"payment_id":"P","amount":"1","currency":"SGD""#,
                r#","received_on":"2026-11-22","method":"cash"}"#
            ),
        ),
        (
            "topup.payment.allocate.v1",
            r#"{"payment_id":"P","account_id":"A","allocations":[{"invoice_id":"I"}]}"#,
        ),
        ("topup.payment.deallocate.v1", r#"{"payment_id":"P","invoice_id":"I","account_id":"A"}"#),
        ("topup.payment.remove.v1", r#"{"payment_id":"P","account_id":"A"}"#),
        ("topup.match.confirm.v1", r#"{"payment_id":"P","suggestion_id":"1-1","account_id":"A"}"#),
        ("topup.match.reject.v1", r#"{"payment_id":"P","suggestion_id":"1-1","account_id":"A"}"#),
        (
            "topup.bank.transaction.v1",
            concat!(
                r#"{"bank_account":"B","credit_debit":"DBIT","status":"PDNG","amount":"1""#,
                r#","currency":"SGD","booking_date":"2026-11-22","debtor":{}"#,
                r#","remittance":{},"return_of":{}}"#
            ),
        ),
    ];
    for (kind, data) in least {
        assert_eq!(code_of(kind, data), Ok(()), "{data}");
    }
}

/// A field too many, an array in place of the object, another JSON type, for every type.
#[test]
fn the_structure_is_strict() {
    for (kind, topic, data) in SAMPLES {
        let strict = |data: &str| assert_eq!(code_of(kind, data), Err(DataInvalid), "{data}");
        strict(&with(data, "{", r#"{"force":true,"#));
        strict(&with(data, "{", r#"{"accountId":"ACC-1","#));
        for other in ["null", "1", "\"{}\"", "[]", "true", r#"["INV-1","ACC-1"]"#] {
            strict(other);
        }
        strict("{}");
        strict(&with(data, r#"_id":""#, r#"_id":7,"x":""#));
        let absent = envelope(kind, data).replacen(r#""data""#, r#""date""#, 1);
        let failure = decode_value(topic, absent.as_bytes()).expect_err(kind);
        assert_eq!(
            (failure.code, failure.detail.as_str()),
            (DataInvalid, "data: expected an object")
        );
    }
    let nested = [
        (TRANSACTION, r#"{"name":"ACME PTE LTD","account":"0720001234"}"#, r#"["ACME","072"]"#),
        (TRANSACTION, r#"{"name""#, r#"{"iban":"x","name""#),
        (TRANSACTION, r#"{"creditor_reference""#, r#"{"x":1,"creditor_reference""#),
        (TRANSACTION, r#"["INV-1001","thanks"]"#, r#""INV-1001""#),
        (TRANSACTION, r#"["INV-1001","thanks"]"#, r#"["INV-1001",7]"#),
        (TRANSACTION, r#"["INV-1001","thanks"]"#, r#"["\udc00"]"#),
        (TRANSACTION, "\"reversal\":false", "\"reversal\":\"false\""),
    ];
    for (data, part, other) in nested {
        let data = with(data, part, other);
        assert_eq!(code_of("topup.bank.transaction.v1", &data), Err(DataInvalid), "{data}");
    }
}

/// Every field of every type, at any depth, set to null one after the other.
#[test]
fn null_is_another_type_than_any_field_has() {
    for (kind, _, data) in SAMPLES {
        let whole: serde_json::Value = serde_json::from_str(data).expect("a sample");
        let places = places_of(&whole, "");
        assert!(!places.is_empty(), "{kind}");
        for place in places {
            let mut one = whole.clone();
            *one.pointer_mut(&place).expect("a place") = serde_json::Value::Null;
            assert_eq!(code_of(kind, &one.to_string()), Err(DataInvalid), "{kind} {place}");
        }
    }
}

fn places_of(value: &serde_json::Value, at: &str) -> Vec<String> {
    let mut places = Vec::new();
    let mut add = |name: String, inner: &serde_json::Value| {
        let place = format!("{at}/{name}");
        places.extend(places_of(inner, &place));
        places.push(place);
    };
    match value {
        serde_json::Value::Object(fields) => {
            fields.iter().for_each(|(name, inner)| add(name.clone(), inner));
        }
        serde_json::Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, inner)| add(at.to_string(), inner));
        }
        _ => {}
    }
    places
}

/// `(part of the sample, its replacement, the code)`.
fn table(kind: &str, cases: &[(&str, &str, Result<(), DecodeCode>)]) {
    let (_, _, sample) = SAMPLES.iter().find(|(name, _, _)| *name == kind).expect("sample");
    for (part, other, expected) in cases {
        let data = with(sample, part, other);
        assert_eq!(code_of(kind, &data), *expected, "{data:.600}");
    }
}

#[test]
fn upsert_fields() {
    let many = |count: usize| {
        let list: Vec<String> = (0..count).map(|n| format!("\"{n}\"")).collect();
        format!("[{}]", list.join(","))
    };
    let payers = r#"["sg12 3456-78","072.000/1234"]"#;
    let limits = r#"{"USD":"0","SGD":"500.5"}"#;
    table(
        "topup.account.upsert.v1",
        &[
            (r#""ACC-1""#, r#""ACC 1""#, Err(IdInvalid)),
            (r#""ACME PTE LTD""#, r#""""#, Err(DataInvalid)),
            (r#""ACME PTE LTD""#, r#"" \u00a0""#, Err(DataInvalid)),
            (r#""ACME PTE LTD""#, r#""a\u0000""#, Err(DataInvalid)),
            (r#""ACME PTE LTD""#, r#""\u202egnp""#, Err(DataInvalid)),
            (payers, &many(100), Ok(())),
            (payers, &many(101), Err(DataInvalid)),
            (payers, r#"[" - "]"#, Err(DataInvalid)),
            (payers, r#"["12_34"]"#, Err(DataInvalid)),
            (payers, r#"{"0":"12"}"#, Err(DataInvalid)),
            ("[]", "null", Err(DataInvalid)),
            (limits, "{}", Ok(())),
            (limits, "[]", Err(DataInvalid)),
            (limits, r#"[["SGD","1"]]"#, Err(DataInvalid)),
            (limits, r#"{"SGD":1}"#, Err(AmountInvalid)),
            (limits, r#"{"SGD":"-1"}"#, Err(AmountInvalid)),
            (limits, r#"{"SGD":"1.005"}"#, Err(AmountScale)),
            (limits, r#"{"sgd":"1"}"#, Err(CurrencyUnknown)),
            (limits, r#"{"":"1"}"#, Err(CurrencyUnknown)),
            (":45", ":1", Ok(())),
            (":45", ":3650", Ok(())),
            (":45", ":0", Err(DataInvalid)),
            (":45", ":3651", Err(DataInvalid)),
            (":45", ":45.0", Err(DataInvalid)),
            (":45", ":1e1", Err(DataInvalid)),
            (":45", ":1e400", Err(DataInvalid)),
            (":45", ":-1", Err(DataInvalid)),
            (":45", r#":"45""#, Err(DataInvalid)),
        ],
    );
    let data = with(UPSERT, "072.000/1234", "SG12345678");
    let Input::Command(Command::UpsertAccount(upsert)) = input_of("topup.account.upsert.v1", &data)
    else {
        panic!("not an upsert");
    };
    assert_eq!(upsert.payer_accounts, Some(vec!["SG12345678".to_owned()]));
}

#[test]
fn invoice_fields() {
    let longest = format!("\"{}\"", "é".repeat(200));
    let too_long = format!("\"{}\"", "é".repeat(201));
    table(
        "topup.invoice.create.v1",
        &[
            (r#""INV-1""#, r#""""#, Err(IdInvalid)),
            (r#""INV-1""#, r#""\u0049NV-1""#, Ok(())),
            (r#""INV-1""#, r#""INV-1\n""#, Err(IdInvalid)),
            (r#""INV-1","#, r#"null,"#, Err(DataInvalid)),
            (r#""November topup""#, &longest, Ok(())),
            (r#""November topup""#, &too_long, Err(DataInvalid)),
            (r#""100.00""#, r#""0.01""#, Ok(())),
            (r#""100.00""#, r#""999999999999.99""#, Ok(())),
            (r#""100.00""#, r#""1000000000000""#, Err(AmountInvalid)),
            (r#""100.00""#, r#""0""#, Err(AmountInvalid)),
            (r#""100.00""#, r#""0.00""#, Err(AmountInvalid)),
            (r#""100.00""#, r#""-1""#, Err(AmountInvalid)),
            (r#""100.00""#, r#""1e3""#, Err(AmountInvalid)),
            (r#""100.00""#, r#"" 100""#, Err(AmountInvalid)),
            (r#""100.00""#, "100", Err(AmountInvalid)),
            (r#""100.00""#, "1e400", Err(AmountInvalid)),
            (r#""100.00""#, "true", Err(AmountInvalid)),
            (r#""100.00""#, r#"["100.00"]"#, Err(AmountInvalid)),
            (r#""100.00""#, "null", Err(DataInvalid)),
            (r#""100.00""#, r#""100.001""#, Err(AmountScale)),
            (r#""100.00""#, r#""100.000""#, Ok(())),
            (r#""100.00","currency":"SGD""#, r#""100.5","currency":"JPY""#, Err(AmountScale)),
            (r#""100.00","currency":"SGD""#, r#""1.005","currency":"KWD""#, Ok(())),
            (r#""SGD""#, r#""XXX""#, Err(CurrencyUnknown)),
            (r#""SGD""#, r#""""#, Err(CurrencyUnknown)),
            (r#""SGD""#, "null", Err(DataInvalid)),
            (r#""2026-11-30""#, r#""2026-11-31""#, Err(DateInvalid)),
            (r#""2026-11-30""#, r#""2026-11-30T00:00:00Z""#, Err(DateInvalid)),
            (r#"true"#, "1", Err(DataInvalid)),
        ],
    );
    table("topup.invoice.mark-sent.v1", &[(r#""ACC-1""#, r#""""#, Err(IdInvalid))]);
    table(
        "topup.invoice.void.v1",
        &[
            (r#""sent twice""#, r#""""#, Ok(())),
            (r#""sent twice""#, r#""a\u2028b""#, Err(DataInvalid)),
            (r#""sent twice""#, &too_long, Err(DataInvalid)),
        ],
    );
    table("topup.invoice.keep.v1", &[("2027-01-31", "2027-1-31", Err(DateInvalid))]);
}

#[test]
fn payment_fields() {
    table(
        "topup.payment.record.v1",
        &[
            (r#""PAY-1""#, r#""PAY/1""#, Err(IdInvalid)),
            (r#""ACC-1""#, r#""""#, Err(IdInvalid)),
            (r#""ACC-1""#, "null", Err(DataInvalid)),
            (r#""PAY-1""#, r#""SPLIT:1""#, Err(IdInvalid)),
            (r#""100.00""#, r#""0""#, Err(AmountInvalid)),
            ("2026-11-22", "22.11.2026", Err(DateInvalid)),
            (r#""2026-11-22""#, "null", Err(DataInvalid)),
            (r#""cheque""#, r#""""#, Err(DataInvalid)),
            (r#""000123""#, r#""\u001b[31m""#, Err(DataInvalid)),
            (r#""by hand""#, r#""\u2066x""#, Err(DataInvalid)),
        ],
    );
    let one = r#"{"invoice_id":"INV-1","amount":"60.5"},{"invoice_id":"INV-2"}"#;
    let many = |count: usize| {
        let list: Vec<String> = (0..count).map(|n| format!(r#"{{"invoice_id":"{n}"}}"#)).collect();
        list.join(",")
    };
    table(
        "topup.payment.allocate.v1",
        &[
            (one, &many(50), Ok(())),
            (one, &many(51), Err(DataInvalid)),
            (one, "", Err(DataInvalid)),
            (one, r#""INV-1""#, Err(DataInvalid)),
            (one, r#"["INV-1","60.5"]"#, Err(DataInvalid)),
            (one, r#"{"amount":"1"}"#, Err(DataInvalid)),
            (one, r#"{"invoice_id":"I"},{"invoice_id":"J"},{"invoice_id":"I"}"#, Err(DataInvalid)),
            (r#""INV-2""#, r#""inv-1""#, Ok(())),
            (r#""INV-2""#, r#""""#, Err(IdInvalid)),
            (r#""60.5""#, r#""60.123456""#, Ok(())),
            (r#""60.5""#, r#""60.1234567""#, Err(AmountInvalid)),
            (r#""60.5""#, r#""0""#, Err(AmountInvalid)),
            (r#""60.5""#, "60.5", Err(AmountInvalid)),
        ],
    );
    let data = with(ALLOCATE, r#""INV-2""#, r#""\n""#);
    let failure = decode_data("topup.payment.allocate.v1", &data).expect_err("id");
    let detail = "data.allocations[1].invoice_id: expected 1 to 64 of A-Z a-z 0-9 . _ : -";
    assert_eq!(failure.detail, detail);
    table("topup.payment.assign.v1", &[("PAY-1", "", Err(IdInvalid))]);
    table("topup.payment.deallocate.v1", &[("INV-1", "", Err(IdInvalid))]);
    table("topup.payment.remove.v1", &[("PAY-1", "", Err(IdInvalid))]);
    table("topup.match.confirm.v1", &[("7-1", "", Err(IdInvalid)), ("7-1", "7/1", Err(IdInvalid))]);
}

#[test]
fn bank_transaction_fields() {
    let text = r#"["INV-1001","thanks"]"#;
    let lines = |count: usize| format!("[{}]", vec![r#""é""#; count].join(","));
    let bytes = |count: usize| format!("[\"{}\",\"x\"]", "x".repeat(count - 1));
    let id = |count: usize| format!("\"{}\"", "~".repeat(count));
    table(
        "topup.bank.transaction.v1",
        &[
            (r#""SG-DBS-001""#, r#""SG DBS""#, Err(IdInvalid)),
            (r#""DBS-1""#, r#""""#, Err(IdInvalid)),
            (r#""DBS-1""#, r#""é""#, Ok(())),
            (r#""DBS-1""#, r#""a\u0000""#, Err(IdInvalid)),
            (r#""DBS-1""#, &id(128), Ok(())),
            (r#""DBS-1""#, &id(129), Ok(())),
            (r#""3/1""#, r#""\t""#, Err(IdInvalid)),
            ("CRDT", "crdt", Err(DataInvalid)),
            ("CRDT", "DBIT", Ok(())),
            ("BOOK", "BOOKED", Err(DataInvalid)),
            ("BOOK", "INFO", Ok(())),
            (r#""BOOK""#, "null", Err(DataInvalid)),
            (r#""100.00""#, r#""0""#, Ok(())),
            (r#""100.00""#, r#""0.000""#, Ok(())),
            (r#""100.00""#, r#""-0""#, Err(AmountInvalid)),
            (r#""100.00""#, "100.00", Err(AmountInvalid)),
            (r#""100.00""#, r#""100.001""#, Err(AmountScale)),
            (r#""SGD""#, r#""XAU""#, Err(CurrencyUnknown)),
            (r#""0.50""#, r#""0""#, Ok(())),
            (r#""0.50""#, r#""-0.50""#, Err(AmountInvalid)),
            (r#""0.50""#, r#""0.505""#, Err(AmountScale)),
            ("2026-11-22", "2026-02-30", Err(DateInvalid)),
            ("2026-11-23", "", Err(DateInvalid)),
            ("ACME PTE LTD", r"\u0000\u001b[2J\u202e<script>", Ok(())),
            ("ACME PTE LTD", &"x".repeat(512), Ok(())),
            ("ACME PTE LTD", &"x".repeat(513), Ok(())),
            ("0720001234", "", Ok(())),
            ("0720001234", r"\u0000", Ok(())),
            ("0720001234", &"x".repeat(129), Ok(())),
            ("9981234", "", Ok(())),
            ("9981234", &"9".repeat(300), Ok(())),
            ("RF18INV1001", r"\u0000", Ok(())),
            ("RF18INV1001", &"é".repeat(80), Ok(())),
            (text, &lines(100), Ok(())),
            (text, &lines(251), Ok(())),
            (text, &bytes(16_384), Ok(())),
            (text, &bytes(16_385), Ok(())),
            (text, "[]", Ok(())),
            ("AC04", r"\u202e", Ok(())),
            (r#""E2E""#, r#""""#, Ok(())),
            (r#""E2E""#, r#""ééé""#, Ok(())),
            (r#""E2E""#, r#""a\u0000\tb""#, Ok(())),
            (r#""E2E""#, &id(300), Ok(())),
            (r#""3/1""#, &id(300), Ok(())),
        ],
    );
}

#[test]
fn bank_statement_fields() {
    table(
        "topup.bank.statement.v1",
        &[
            ("ST 7", "", Err(IdInvalid)),
            ("-10.5", "-0", Ok(())),
            ("-10.5", "--1", Err(AmountInvalid)),
            ("-10.5", "+1", Err(AmountInvalid)),
            ("-10.5", "-", Err(AmountInvalid)),
            ("-10.5", "-10.555", Err(AmountScale)),
            (r#""-10.5""#, "-10.5", Err(AmountInvalid)),
            (r#""-10.5""#, "null", Err(DataInvalid)),
            ("SGD", "SG", Err(CurrencyUnknown)),
            (":1,", ":0,", Ok(())),
            (":1,", ":1000000,", Ok(())),
            (":1,", ":1000001,", Err(DataInvalid)),
            (":1,", ":1.0,", Err(DataInvalid)),
            (":1,", r#":"1","#, Err(DataInvalid)),
            ("T00:00:00+08:00", "", Err(DateInvalid)),
            ("2026", "1999", Err(DateInvalid)),
        ],
    );
}

#[test]
fn usage_keeps_six_decimals_in_any_currency() {
    use crate::domain::usage::Usage;
    let read = |kind: &str, data: &str| {
        decode_value(Topic::Usage, envelope(kind, data).as_bytes()).map(|message| message.input)
    };
    let Ok(Input::Usage(Usage::Charge(charge))) = read("topup.usage.charge.v1", CHARGE) else {
        panic!("a charge");
    };
    assert_eq!(charge.amount.number(), "0.004321");
    assert_eq!(charge.hold_id.map(|id| id.to_string()).as_deref(), Some("H-1"));
    let Ok(Input::Usage(Usage::Refund(refund))) = read("topup.usage.refund.v1", REFUND) else {
        panic!("a refund");
    };
    assert_eq!(refund.amount.number(), "0.000001");
    let mark = r#"{"complete_through":"2026-11-22T18:00:00+08:00"}"#;
    let Ok(Input::Usage(Usage::Watermark(at))) = read("topup.usage.watermark.v1", mark) else {
        panic!("a watermark");
    };
    assert_eq!(at.to_rfc3339(), "2026-11-22T10:00:00+00:00");
    for (part, other, code) in [
        ("0.004321", "0.0043211", AmountInvalid),
        ("0.004321", "-1", AmountInvalid),
        ("SGD", "XXX", CurrencyUnknown),
        ("\"call\"", "\" \"", DataInvalid),
        ("H-1", "H 1", IdInvalid),
        ("10:00:00Z", "10:00:00", DateInvalid),
    ] {
        let failure = read("topup.usage.charge.v1", &with(CHARGE, part, other)).expect_err(other);

        assert_eq!(failure.code, code, "{other}");
    }
}
