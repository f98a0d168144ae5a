//! Invoice numbers as people write them, on PostgreSQL: the database folds ids as the worker folds
//! texts, and payments find their invoices by the index of that.

use serde_json::{Value, json};
use topup::domain::matching::fold::fold;
use topup::domain::matching::names;
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{account, bank, credit_saying, invoice, with};

async fn create(direct: &mut Direct, id: &str, amount: &str) {
    let data = invoice(id, "ACC-1", amount);
    let item = direct.command(&format!("c-{id}"), "invoice.create", &data);
    direct.applied(item).await;
}

/// Hands in the records as one batch; how each payment stands then, and which invoice is suggested.
async fn receive(direct: &mut Direct, records: &[Value]) -> Vec<(String, String)> {
    let mut items = Vec::new();
    for data in records {
        let value =
            bank(&format!("b-{}", data["bank_transaction_id"].as_str().expect("an id")), data);
        items.push(direct.item(Topic::BankPayments, None, value.as_bytes()));
    }
    for ended in direct.run(&items).await {
        assert_eq!(ended.outcome, "applied");
    }
    let sql = "SELECT p.state, coalesce((SELECT min(si.invoice_id) FROM suggestions s
                        JOIN suggestion_invoices si USING (suggestion_id)
                       WHERE s.payment_id = p.payment_id AND s.status = 'open'), '')
                 FROM payments p JOIN bank_transactions b USING (payment_id)
                WHERE b.bank_transaction_id = $1";
    let mut told = Vec::new();
    for data in records {
        let id = data["bank_transaction_id"].as_str().expect("an id");
        let query = sqlx::query_as(sql).bind(id);
        told.push(query.fetch_one(direct.pipeline.pool()).await.expect("a payment"));
    }
    told
}

#[tokio::test]
async fn the_database_folds_ids_as_the_worker_folds_texts() {
    let direct = Direct::new("reading_folds").await;
    let characters: Vec<char> = "AbZ0019.-_:".chars().collect();
    let mut ids = vec!["INV-2026-00013".to_owned(), "0".to_owned(), "A-00-B".to_owned()];
    let mut state = 7_usize;
    for _ in 0..3_000 {
        let mut id = String::new();
        for _ in 0..state % 17 + 1 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040);
            id.push(characters[(state >> 33) % characters.len()]);
        }
        ids.push(id);
    }
    let query = sqlx::query_scalar("SELECT folded_number(id) FROM unnest($1::text[]) AS id");
    let folded: Vec<String> =
        query.bind(&ids).fetch_all(direct.pipeline.pool()).await.expect("folded");
    for (id, folded) in ids.iter().zip(folded) {
        assert_eq!(fold(id), folded, "{id}");
    }
}

#[tokio::test]
async fn the_database_compares_names_as_the_worker_does() {
    let direct = Direct::new("reading_names").await;
    let mut given: Vec<String> = [
        "Acme Trading Pte. Ltd.",
        "TRADING, ACME",
        "Müller & Söhne GmbH",
        "MUELLER SOEHNE",
        "ООО «Ромашка»",
        "ромашка",
        "Ёлка",
        "O'Brien",
        "O’Brien \"Pub\"",
        "株式会社山田",
        "ｶ)ﾔﾏﾀﾞ",
        "Pte Ltd",
        "Ørsted A/S",
        "Straße-Weg  Đà",
        "A\tb\u{a0}c·d–e",
        "Çelik Ticaret A.Ş.",
        "شركة النور",
        "אור בע\"מ",
        "",
    ]
    .map(str::to_owned)
    .into();
    // Each kind of company: if one is left out here, it is in no name.
    given.extend(names::company_words().map(|word| format!("Zorn {word} Anton")));
    let query = sqlx::query_scalar("SELECT name_key(name) FROM unnest($1::text[]) AS name");
    let keys: Vec<String> =
        query.bind(&given).fetch_all(direct.pipeline.pool()).await.expect("keys");
    for (name, key) in given.iter().zip(keys) {
        assert_eq!(names::key(name), key, "{name}");
    }
    assert_eq!(names::key("Acme Trading Pte. Ltd."), names::key("trading ACMÉ limited"));
}

/// The name is asked for by index, beside what the batch itself says of customers.
#[tokio::test]
async fn a_name_that_two_customers_share_is_no_witness_of_a_number() {
    let mut direct = Direct::new("reading_shared").await;
    for (customer, name) in
        [("ACC-1", "Acme Trading Pte Ltd"), ("ACC-2", "Globex"), ("ACC-3", "Globex Inc")]
    {
        let data = with(account(customer), &json!({ "name": name }));
        let item = direct.command(&format!("a-{customer}"), "account.upsert", &data);
        direct.applied(item).await;
    }
    create(&mut direct, "4711", "61.17").await;
    create(&mut direct, "4712", "61.17").await;
    create(&mut direct, "4713", "61.17").await;
    let data = invoice("5711", "ACC-2", "61.17");
    let item = direct.command("c-5711", "invoice.create", &data);
    direct.applied(item).await;
    let paying = |id: &str, number: &str, name: &str| {
        let debtor = json!({ "debtor": { "name": name } });
        with(credit_saying(id, "61.17", &format!("topup {number}")), &debtor)
    };
    let told = receive(&mut direct, &[paying("T1", "4711", "ACME TRADING")]).await;
    assert_eq!(told[0], ("allocated".to_owned(), String::new()));
    let told = receive(&mut direct, &[paying("T2", "5711", "GLOBEX LTD")]).await;
    assert_eq!(told[0], ("parked".to_owned(), "5711".to_owned()));
    // A namesake of the same batch counts, and so does one of before.
    let data = with(account("ACC-4"), &json!({ "name": "ACME Trading Limited" }));
    let namesake = direct.command("a-ACC-4", "account.upsert", &data);
    let value = bank("b-T3", &paying("T3", "4712", "ACME TRADING"));
    let money = direct.item(Topic::BankPayments, None, value.as_bytes());
    for ended in direct.run(&[namesake, money]).await {
        assert_eq!(ended.outcome, "applied");
    }
    receive(&mut direct, &[paying("T4", "4713", "ACME TRADING")]).await;
    let sql = "SELECT string_agg(state, ' ' ORDER BY recorded_at, payment_id) FROM payments";
    assert_eq!(direct.database.value(sql).await, "allocated parked parked parked");
    let sql = "SELECT count(*) FROM told.decisions WHERE explanation
                LIKE '%several customers have the payer%'";
    assert_eq!(direct.database.value(sql).await, "3");
}

#[tokio::test]
async fn numbers_written_otherwise_find_their_invoices() {
    let mut direct = Direct::new("reading_numbers").await;
    let cases = [
        ("INV-2026-00013", "INV/2026/00013", "allocated"),
        ("INV-71010", "支払INV-71010ありがとう", "allocated"),
        ("INV-71011", "Оплата по счету №INV-71011", "allocated"),
        ("INV-71014", "Invoice INV 71014", "allocated"),
        ("INV-71015", "INV71015 thanks", "allocated"),
        ("INV-71042", "فاتورة INV-٧١٠٤٢", "allocated"),
        ("INV-72014", "INV-7214", "parked"),
        ("INV-73014", "INW-73014", "parked"),
        ("FT-74014", "FT 74014", "parked"),
    ];
    let mut records = Vec::new();
    for (number, (id, text, _)) in cases.iter().enumerate() {
        let amount = format!("{}.17", 300 + number);
        create(&mut direct, id, &amount).await;
        records.push(credit_saying(&format!("T{number}"), &amount, text));
    }
    let told = receive(&mut direct, &records).await;
    for ((id, text, state), (ended, suggested)) in cases.iter().zip(told) {
        assert_eq!(
            (ended.as_str(), suggested.is_empty()),
            (*state, *state == "allocated"),
            "{text}"
        );
        assert!(suggested.is_empty() || suggested == *id, "{text}: {suggested}");
    }
}

#[tokio::test]
async fn a_payment_waits_for_an_invoice_however_its_number_is_written() {
    let mut direct = Direct::new("reading_waits").await;
    let texts = ["INV/2026/00021", "INV 71022", "INV71023", "INV-71024"];
    let ids = ["INV-2026-00021", "INV-71022", "INV-71023", "inv.71024"];
    for (number, text) in texts.iter().enumerate() {
        let told =
            receive(&mut direct, &[credit_saying(&format!("T{number}"), "61.17", text)]).await;
        assert_eq!(told[0].0, "parked", "{text}");
    }
    for id in ids {
        create(&mut direct, id, "61.17").await;
    }
    let sql = "SELECT count(*) FROM payments WHERE state = 'allocated'";
    assert_eq!(direct.database.value(sql).await, "4");
}

/// A corporate trade exchange of sixty addenda, and one longer than what is kept.
#[tokio::test]
async fn money_is_recorded_whatever_the_length_of_its_text() {
    let mut direct = Direct::new("reading_long").await;
    create(&mut direct, "INV-71401", "140.40").await;
    let addenda = |count: usize| -> Vec<String> {
        let line = |number: usize| match number {
            0 => format!("{:.<80}", "RMR*IV*INV-71401**140.40"),
            _ => format!("{:.<80}", format!("REF*ZZ*LINE {number:04}")),
        };
        (0..count).map(line).collect()
    };
    let record = |id: &str, amount: &str, lines: Vec<String>| {
        let text = json!({ "unstructured": lines });
        with(credit_saying(id, amount, ""), &json!({ "remittance": text }))
    };
    let told = receive(&mut direct, &[record("T1", "140.40", addenda(60))]).await;
    assert_eq!(told[0].0, "allocated");
    let told = receive(&mut direct, &[record("T2", "7.77", addenda(600))]).await;
    assert_eq!(told[0].0, "parked");
    let sql = "SELECT unstructured FROM bank_transactions WHERE bank_transaction_id = 'T2'";
    let kept: String = direct.database.value(sql).await;
    let last = kept.lines().last().unwrap_or_default();
    assert!(last.starts_with("[cut: 31669 bytes, sha256 "), "{last}");
    // Told again, with another end as well, it is the same money; with another amount it is not.
    for (again, amount, lines, outcome) in [
        ("again-1", "7.77", addenda(600), "duplicate"),
        ("again-2", "7.77", addenda(599), "duplicate"),
        ("again-3", "7.78", addenda(600), "dead_lettered"),
    ] {
        let value = bank(again, &record("T2", amount, lines));
        let item = direct.item(Topic::BankPayments, None, value.as_bytes());
        assert_eq!(direct.run(&[item]).await[0].outcome, outcome);
    }
}
