//! Which records have the same content.

use super::*;
use crate::wire::bank_content_hash;

const ALLOCATE_TYPE: &str = "topup.payment.allocate.v1";
const TRANSACTION_TYPE: &str = "topup.bank.transaction.v1";

fn hash(kind: &str, data: &str) -> [u8; 32] {
    decode_data(kind, data).expect(data).content_hash
}

#[test]
fn layout_order_time_and_trace_do_not_count() {
    let data = concat!(
        r#"{"payment_id":"PAY-1","account_id":"ACC-1""#,
        r#","allocations":[{"invoice_id":"INV-1001","amount":"100.50"}]}"#
    );
    let same = [
        r#"{"account_id": "ACC-1",
 "payment_id":"PAY-1","allocations":[{"amount":"100.50","invoice_id":"INV-1001"}]
}"#,
        concat!(
            r#"{"payment_id":"PAY-\u0031","account_id":"ACC-1""#,
            r#","allocations":[{"invoice_id":"INV-1001","amount":"100.5"}]}"#
        ),
    ];
    let expected = hash(ALLOCATE_TYPE, data);
    for other in same {
        assert_eq!(hash(ALLOCATE_TYPE, other), expected, "{other}");
    }
    let later = with(&envelope(ALLOCATE_TYPE, data), "10:00", "11:00");
    let later = with(&later, "{", r#"{"traceparent":"x","ext":1,"#);
    let message = decode_value(Topic::Commands, later.as_bytes()).expect("later");
    assert_eq!(message.content_hash, expected);
    assert_eq!(message.bank_hash, expected);
    let different = [
        with(data, "100.50", "200.00"),
        with(data, "100.50", "10.05"),
        with(data, r#","amount":"100.50""#, ""),
        with(data, "PAY-1", "PAY-2"),
        with(data, "INV-1001", "inv-1001"),
        with(data, "]", r#",{"invoice_id":"INV-1002"}]"#),
    ];
    for other in different {
        assert_ne!(hash(ALLOCATE_TYPE, &other), expected, "{other}");
    }
}

#[test]
fn the_type_counts() {
    let void = hash("topup.invoice.void.v1", MARK_SENT);
    assert_ne!(hash("topup.invoice.mark-sent.v1", MARK_SENT), void);
    assert_ne!(hash("topup.invoice.keep.v1", MARK_SENT), void);
}

#[test]
fn absent_is_not_empty_but_is_false() {
    let kind = "topup.account.upsert.v1";
    let bare = r#"{"account_id":"A","name":"n"}"#;
    let and = |field: &str| with(bare, "}", &format!(",{field}}}"));
    for field in ["payer_accounts", "virtual_accounts"] {
        assert_ne!(hash(kind, &and(&format!(r#""{field}":[]"#))), hash(kind, bare), "{field}");
    }
    assert_ne!(hash(kind, &and(r#""credit_limits":{}"#)), hash(kind, bare));
    let ab = hash(kind, &and(r#""payer_accounts":["A","B"]"#));
    assert_ne!(hash(kind, &and(r#""payer_accounts":["AB"]"#)), ab);
    assert_ne!(hash(kind, &and(r#""virtual_accounts":["A","B"]"#)), ab);
    let limits = hash(kind, &and(r#""credit_limits":{"SGD":"1.50","USD":"2"}"#));
    assert_eq!(hash(kind, &and(r#""credit_limits":{"USD":"2.00","SGD":"1.5"}"#)), limits);
    assert_ne!(hash(kind, &and(r#""credit_limits":{"USD":"1.5","SGD":"2"}"#)), limits);
    let create = "topup.invoice.create.v1";
    let unsent = with(CREATE, r#","send":true"#, "");
    assert_eq!(hash(create, &with(CREATE, "true", "false")), hash(create, &unsent));
    assert_ne!(hash(create, CREATE), hash(create, &unsent));
}

/// Leaving out or changing any one field changes the hash, for every type.
#[test]
fn every_field_counts() {
    for (kind, topic, data) in SAMPLES {
        let full = hash(kind, data);
        let parts: Vec<&str> = data.split('"').collect();
        // The odd parts are keys and texts; a text is one that no colon follows.
        for index in (1..parts.len()).step_by(2).filter(|at| !parts[at + 1].starts_with(':')) {
            let mut changed: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
            for other in ["DBIT", "INFO", "USD", "2026-12-01", "7", "2026-11-24T00:00:00Z"] {
                changed[index] = other.to_owned();
                let value = envelope(kind, &changed.join("\""));
                if let Ok(message) = decode_value(topic, value.as_bytes()) {
                    assert_ne!(message.content_hash, full, "{kind} {} {other}", parts[index]);
                }
            }
        }
    }
}

#[test]
fn how_a_bank_transaction_was_delivered_does_not_count() {
    let Ok(message) = decode_data(TRANSACTION_TYPE, TRANSACTION) else { panic!("sample") };
    let Input::BankTransaction(transaction) = &message.input else { panic!("sample") };
    assert_eq!(message.bank_hash, bank_content_hash(transaction));
    let cases = [
        ("BOOK", "PDNG", true),
        ("ST 7", "ST 8", true),
        (r#""entry_reference":"3/1","#, "", true),
        (r#""100.00""#, r#""100""#, true),
        (r#""reversal":false,"#, "", true),
        ("100.00", "900.00", false),
        ("SG-DBS-001", "SG-DBS-002", false),
        ("DBS-1", "DBS-2", false),
        ("NOTPROVIDED", "E2E", false),
        ("CRDT", "DBIT", false),
        ("false", "true", false),
        (r#""SGD""#, r#""USD""#, false),
        ("0.50", "0.51", false),
        (r#""charges":"0.50","#, "", false),
        ("2026-11-22", "2026-11-21", false),
        ("2026-11-23", "2026-11-24", false),
        ("ACME", "Acme", false),
        ("0720001234", "0720001235", false),
        ("9981234", "9981235", false),
        ("RF18", "RF19", false),
        (r#""INV-1001","thanks""#, r#""INV-1001thanks""#, false),
        (r#""INV-1001","thanks""#, r#""thanks","INV-1001""#, false),
        ("DBS-0", "DBS-9", false),
        (r#""E2E""#, r#""E2F""#, false),
        ("AC04", "AC05", false),
    ];
    for (part, other, same) in cases {
        let data = with(TRANSACTION, part, other);
        let changed = decode_data(TRANSACTION_TYPE, &data).expect(&data);
        assert_eq!(changed.bank_hash == message.bank_hash, same, "{data}");
        if !same {
            assert_ne!(changed.content_hash, message.content_hash, "{data}");
        }
    }
    let bare = concat!(
        r#"{"bank_account":"B","credit_debit":"DBIT","status":"BOOK","amount":"1""#,
        r#","currency":"SGD","booking_date":"2026-11-22"}"#
    );
    let returned = with(bare, "}", r#","return_of":{}}"#);
    let hashes = [bare, &returned].map(|data| decode_data(TRANSACTION_TYPE, data).expect(data));
    assert_ne!(hashes[0].content_hash, hashes[1].content_hash);
    assert_ne!(hashes[0].bank_hash, hashes[1].bank_hash);
}

/// Hashes are stored: a change of this form would turn every redelivery into a conflict.
#[test]
fn the_form_is_frozen() {
    let message = decode_data(TRANSACTION_TYPE, TRANSACTION).expect("sample");
    assert_eq!(
        hex::encode(message.content_hash),
        concat!("d87aa9173b996bd9c11735ca288b88be", "89d8bea60fc8e5e4ee7c8720e29c8c63")
    );
    assert_eq!(
        hex::encode(message.bank_hash),
        concat!("db5362b0fb2ff1b1dd4d322d8cdb7bd3", "4615d7705b1ff5f20d973978cac02ce8")
    );
    let allocate = hash(ALLOCATE_TYPE, ALLOCATE);
    assert_eq!(
        hex::encode(allocate),
        concat!("64e599e5a1142628d1c86ca87d9b5f18", "2debd1b03ffb88b21c6f8b0bca857d49")
    );
}
