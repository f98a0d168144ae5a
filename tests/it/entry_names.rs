//! The names that banks give: of entries that have no id, and ids that come again.

use serde_json::{Value, json};
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{bank, credit, with};

async fn booked(direct: &mut Direct, id: &str, data: &Value) -> (String, Option<String>) {
    let item = direct.item(Topic::BankPayments, None, bank(id, data).as_bytes());
    let ended = direct.run(std::slice::from_ref(&item)).await;
    (ended[0].outcome.to_owned(), ended[0].code.as_deref().map(str::to_owned))
}

fn entry(statement: &str, entry: &str, amount: &str, more: &Value) -> Value {
    let by_entry = json!({
        "bank_transaction_id": null, "statement_id": statement, "entry_reference": entry,
    });
    with(with(credit("-", amount), &by_entry), more)
}

const DOUBTS: &str = "SELECT count(*) FROM payments WHERE reason = 'possible_duplicate'";

/// Statements are numbered by currency, and anew each year: one name of two is no question. A
/// second use of it in one of them is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entrys_name_is_of_its_currency_and_year() {
    let mut direct = Direct::new("en_books").await;
    let on = |day: &str| json!({ "booking_date": day });
    let usd = json!({ "currency": "USD" });
    let books = [
        entry("ST9", "1", "77.00", &json!({})),
        entry("ST9", "1", "77.00", &usd),
        entry("001", "1", "50.00", &on("2025-01-03")),
        entry("001", "1", "50.00", &on("2026-01-03")),
        entry("001", "1", "51.00", &on("2027-01-03")),
        entry("002", "1", "51.00", &with(on("2025-01-03"), &json!({ "detail_index": 1 }))),
        entry("002", "1", "52.00", &with(on("2026-01-03"), &json!({ "detail_index": 1 }))),
        // What the bank takes back, and what is only announced.
        entry("003", "1", "5.00", &with(on("2025-01-03"), &json!({ "credit_debit": "DBIT" }))),
        entry(
            "003",
            "1",
            "6.00",
            &with(
                on("2026-01-03"),
                &json!({ "credit_debit": "DBIT",
            "return_of": { "bank_transaction_id": "NEVER" } }),
            ),
        ),
        entry("004", "1", "5.00", &with(on("2025-01-03"), &json!({ "status": "PDNG" }))),
        entry("004", "1", "6.00", &on("2026-01-03")),
        entry("004", "1", "5.00", &on("2025-01-03")),
    ];
    for (number, data) in books.iter().enumerate() {
        let (outcome, _) = booked(&mut direct, &format!("b-{number}"), data).await;
        assert_eq!(outcome, "applied", "{data}");
    }
    assert_eq!(direct.database.value(DOUBTS).await, "0");
    // Told again each is known, in one batch too.
    let again: Vec<_> = books
        .iter()
        .enumerate()
        .map(|(number, data)| {
            let value = bank(&format!("again-{number}"), data);
            direct.item(Topic::BankPayments, None, value.as_bytes())
        })
        .collect();
    let ended = direct.run(&again).await;
    assert!(ended.iter().all(|ended| ended.outcome == "duplicate"), "{ended:?}");
    let second = entry("ST9", "1", "78.00", &usd);
    assert_eq!(booked(&mut direct, "s-1", &second).await.0, "applied");
    assert_eq!(direct.database.value(DOUBTS).await, "1");
    let of = "SELECT e.currency || ' ' || (e.amount / 1000000)::bigint FROM told_again t
        JOIN bank_transactions e ON e.bank_account = t.bank_account AND e.bank_key = t.earlier_key";
    assert_eq!(direct.database.value(of).await, "USD 77");
    direct.finish().await;
}

/// A bank that has no id to give writes a word at every record: that is nobody's id. Each credit is
/// money, no two are one, and a return by such a word takes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_for_none_is_no_id_of_the_bank() {
    let mut direct = Direct::new("en_none").await;
    let words =
        ["NOTPROVIDED", "N/A", "unknown", " ", "-", "0", "00000000", "NONREF", "NOT PROVIDED"];
    for (round, word) in words.iter().chain(&["XXXX", "****", "nicht angegeben"]).enumerate() {
        let day = format!("2099-03-{:02}", round + 1);
        let of = |text: &str, payer: &str| {
            let more = json!({ "booking_date": day, "debtor": { "account": payer },
                "remittance": { "unstructured": [text] } });
            with(credit(word, "20.00"), &more)
        };
        let detail = |index: u32, statement: &str| {
            let more = json!({ "detail_index": index, "statement_id": statement,
                "entry_reference": "E1" });
            with(of("one of several", "DE44555666777"), &more)
        };
        let named = |statement: &str| {
            let more = json!({ "statement_id": statement, "entry_reference": "1" });
            with(of("by its entry", "DE88999000111"), &more)
        };
        let all = [
            of("INV-8001", "DE22111222333"),
            of("INV-8002", "DE22111222444"),
            of("other", "DE77123456780"),
            detail(1, "S-1"),
            detail(2, "S-1"),
            detail(1, "S-2"),
            named("S-3"),
            named("S-4"),
        ];
        for (number, data) in all.iter().enumerate() {
            let (outcome, code) = booked(&mut direct, &format!("{round}-{number}"), data).await;
            assert_eq!(outcome, "applied", "{word:?} {number}: {code:?}");
        }
        let day = format!("'{day}'");
        let came = format!("SELECT count(*) FROM payments WHERE received_on = {day}");
        assert_eq!(direct.database.value(&came).await, all.len().to_string(), "{word:?}");
        let back = with(
            of("back", "DE00000999888"),
            &json!({
                "credit_debit": "DBIT", "return_of": { "bank_transaction_id": word },
            }),
        );
        assert_eq!(booked(&mut direct, &format!("{round}-r"), &back).await.0, "applied");
        let taken = "SELECT coalesce(sum(returned), 0) FROM payments";
        assert_eq!(direct.database.value(taken).await, "0", "{word:?}");
    }
    direct.finish().await;
}

/// Some banks give the id of a batch to each of its entries. What contradicts the first record is
/// other money: a letter that a person gives an id of its own, and no silent duplicate.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_contradicts_the_first_record_under_an_id_is_no_duplicate() {
    let mut direct = Direct::new("en_apart").await;
    let text = |line: &str| json!({ "remittance": { "unstructured": [line] } });
    let pairs = [
        (json!({ "virtual_account": "VA10001" }), json!({ "virtual_account": "VA20002" })),
        (
            json!({ "debtor": { "name": "Tan Ah Seng" } }),
            json!({ "debtor": { "name": "Global Foods Ltd" } }),
        ),
        (
            json!({ "remittance": { "creditor_reference": "RF18539007547034" } }),
            json!({ "remittance": { "creditor_reference": "RF332348231" } }),
        ),
        (text("INV-8001"), text("INV-8002")),
        (
            json!({ "statement_id": "S1", "entry_reference": "E1" }),
            json!({ "statement_id": "S1", "entry_reference": "E2" }),
        ),
    ];
    for (number, (first, second)) in pairs.iter().enumerate() {
        let plain = credit(&format!("T-{number}"), "20.00");
        let of = |fields: &Value| with(plain.clone(), fields);
        assert_eq!(booked(&mut direct, &format!("a-{number}"), &of(first)).await.0, "applied");
        let again = booked(&mut direct, &format!("b-{number}"), &of(first)).await;
        assert_eq!(again.0, "duplicate", "{first}");
        let (outcome, code) = booked(&mut direct, &format!("c-{number}"), &of(second)).await;
        let told = (outcome.as_str(), code.as_deref());
        assert_eq!(told, ("dead_lettered", Some("bank_conflict")), "{second}");
        let own = with(of(second), &json!({ "bank_transaction_id": format!("OWN-{number}") }));
        assert_eq!(booked(&mut direct, &format!("d-{number}"), &own).await.0, "applied");
    }
    direct.finish().await;
}

/// The bank tells more of what has an id: nothing new. Other money under the id is a letter that a
/// person can give an id of its own; nothing is lost by that and nothing is overwritten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_words_under_the_banks_id_are_nothing_new() {
    let mut direct = Direct::new("en_words").await;
    let first = credit("T-1", "50.00");
    let back = with(
        credit("R-1", "5.00"),
        &json!({ "credit_debit": "DBIT", "return_of": { "bank_transaction_id": "NEVER" } }),
    );
    let more = json!({ "debtor": { "name": "Acme", "account": "DE62000111" }, "value_date":
        "2099-01-05", "remittance": { "unstructured": ["Topup INV-1"] }, "end_to_end_id": "E-77" });
    for (number, data) in [&first, &back].into_iter().enumerate() {
        assert_eq!(booked(&mut direct, &format!("a-{number}"), data).await.0, "applied");
        let told = with(data.clone(), &more);
        assert_eq!(booked(&mut direct, &format!("b-{number}"), &told).await.0, "duplicate");
        for (what, other) in [
            ("amount", json!({ "amount": "7.00" })),
            ("currency", json!({ "currency": "USD" })),
            ("day", json!({ "booking_date": "2099-01-07" })),
        ] {
            let other = with(data.clone(), &other);
            let (outcome, code) = booked(&mut direct, &format!("{what}-{number}"), &other).await;
            assert_eq!(
                (outcome.as_str(), code.as_deref()),
                ("dead_lettered", Some("bank_conflict"))
            );
            let own = format!("OWN-{what}-{number}");
            let own = with(other, &json!({ "bank_transaction_id": own }));
            assert_eq!(
                booked(&mut direct, &format!("own-{what}-{number}"), &own).await.0,
                "applied"
            );
        }
    }
    direct.finish().await;
}
