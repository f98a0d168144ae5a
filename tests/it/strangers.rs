//! What people and banks write that names nobody, through the database: no customer pays for
//! another, and nobody's money is given to a stranger.

use serde_json::{Value, json};
use topup::clock::Clock;
use topup::jobs::{Job, JobEnded};
use topup::pipeline::batch::Item;
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{account, bank, credit, credit_saying, invoice, with};
use crate::jobs::runner;
use crate::rules::{file, topup};

struct Feed {
    direct: Direct,
    written: u32,
}

impl Feed {
    async fn new(test: &str) -> Self {
        Self { direct: Direct::new(test).await, written: 0 }
    }

    async fn command(&mut self, kind: &str, data: &Value) {
        self.written += 1;
        let item = self.direct.command(&format!("c-{}", self.written), kind, data);
        self.direct.applied(item).await;
    }

    /// The state of the payment, why, and what it pays.
    async fn bank(&mut self, id: &str, data: &Value) -> String {
        self.written += 1;
        let value = bank(&format!("b-{}", self.written), data);
        let item = self.direct.item(Topic::BankPayments, None, value.as_bytes());
        self.direct.applied(item).await;
        self.told(id).await
    }

    async fn told(&self, id: &str) -> String {
        let sql = format!(
            "SELECT concat_ws(' ', state, reason, (SELECT string_agg(a.invoice_id, ',')
                 FROM allocations a WHERE a.payment_id = p.payment_id AND reversed_at IS NULL))
             FROM payments p WHERE payment_id LIKE 'BANK:%:{id}'"
        );
        self.direct.database.value(&sql).await
    }

    async fn rematch(&self) -> String {
        let (runner, _stop) = runner(&self.direct, "test", None);
        runner.prepare().await.expect("prepared");
        match runner.run_by(Job::Rematch, "alice", Clock::System.now()).await.expect("ran") {
            JobEnded::Done(report) => report.summary,
            other => panic!("{other:?}"),
        }
    }
}

/// A year, a day, an amount, a postal code, a telephone number in a stranger's text is the id of a
/// customer's invoice, and the amount fits: a person decides, also after the job looked again.
#[tokio::test]
async fn numbers_that_anybody_may_write_pay_no_invoice_of_a_stranger() {
    let mut feed = Feed::new("st_numbers").await;
    let texts = [
        ("2027", "100.00", "Topup Jan 2027"),
        ("2028", "200.00", "topup 28/11/2028"),
        ("2029", "201.00", "2029-11-28"),
        ("2030", "202.00", "FY2030, Q4/2030"),
        ("2031", "203.00", "2031年11月"),
        ("1500", "1500.00", "TOPUP 1500"),
        ("1600", "1600.00", "S$1,600.00 top-up"),
        ("1700", "1700.00", "1.700,00 / 1700"),
        ("1800", "1800.00", "topup ١٨٠٠"),
        ("238801", "61.00", "Singapore 238801"),
        ("10115", "62.00", "10115 Berlin"),
        ("91234567", "63.00", "call +65 9123 4567"),
        ("20261128", "64.00", "20261128"),
        ("2611", "65.00", "26/11"),
        ("4111111111111111", "66.00", "card 4111 1111 1111 1111"),
        ("2041", "67.00", "invoice 2041"),
        ("1234567", "68.00", "No. 1234567 Orchard Road"),
        ("4711", "69.00", "Apt #4711"),
        ("71014", "70.00", "P.O. Box 71014"),
        ("5512", "71.00", "Kundennr. 5512"),
        ("5513", "72.00", "n° client 5513"),
        ("5514", "73.00", "лицевой счет № 5514"),
        ("5515", "74.00", "お客様番号5515"),
        ("5516", "75.00", "中山路5516号"),
        ("1234A", "76.00", "1234A Orchard Road"),
        ("5517", "77.00", "#5517"),
    ];
    for (number, amount, _) in texts {
        feed.command("invoice.create", &invoice(number, &format!("C-{number}"), amount)).await;
    }
    let stranger = json!({ "debtor": { "name": "Somebody Else", "account": "SG60ELSE77" } });
    for (number, amount, text) in texts {
        let id = format!("T-{number}");
        let told = feed.bank(&id, &with(credit_saying(&id, amount, text), &stranger)).await;
        assert!(told.starts_with("parked "), "{number}, {text}: {told}");
    }
    feed.rematch().await;
    let paid = "SELECT count(*) FROM allocations";
    assert_eq!(feed.direct.database.value(paid).await, "0");
    feed.direct.finish().await;
}

/// A payer's account that is masked, or says that there is none, is nobody's: persons confirm
/// payments from it, and still the next customer's money is not the first one's.
#[tokio::test]
async fn a_payer_who_is_nobody_stays_nobody_after_confirmations() {
    let mut feed = Feed::new("st_nobody").await;
    let nobodies = ["XXXXXX1234", "N/A", "****", "0000000000", "Keine Angabe", "不明", "●●●●1234"];
    for (number, nobody) in nobodies.iter().enumerate() {
        let owner = format!("C-{number}");
        let named = json!({ "account_id": owner, "name": format!("First Customer {owner}") });
        feed.command("account.upsert", &with(account(&owner), &named)).await;
        let payer = |name: &str| json!({ "debtor": { "name": name, "account": nobody } });
        for round in 1..=3 {
            let amount = format!("{}.{number}{round}", 30 + round);
            let id = format!("T-{number}-{round}");
            feed.command(
                "invoice.create",
                &invoice(&format!("I-{number}-{round}"), &owner, &amount),
            )
            .await;
            let name = named["name"].as_str().expect("a name");
            let told = feed.bank(&id, &with(credit(&id, &amount), &payer(name))).await;
            assert_eq!(told, "parked name_only", "{nobody} {round}");
            let choice = format!(
                "SELECT suggestion_id FROM suggestions
                 WHERE payment_id LIKE '%:{id}' AND status = 'open'"
            );
            let choice = feed.direct.database.value(&choice).await;
            let word = json!({ "suggestion_id": choice, "account_id": owner,
                               "payment_id": format!("BANK:SG-DBS-001:{id}") });
            feed.command("match.confirm", &word).await;
        }
        let amount = format!("39.{number}9");
        let id = format!("T-{number}-9");
        feed.command("invoice.create", &invoice(&format!("I-{number}-9"), &owner, &amount)).await;
        let other = with(credit(&id, &amount), &payer("Completely Other Person"));
        let told = feed.bank(&id, &other).await;
        assert_eq!(told, "parked amount_only", "{nobody}");
    }
    let learnt = "SELECT count(*) FROM payer_aliases";
    assert_eq!(feed.direct.database.value(learnt).await, "0");
    feed.direct.finish().await;
}

/// Numbers of two customers, glued together in any way, from the payer of one of them.
#[tokio::test]
async fn numbers_of_two_customers_that_are_glued_together_are_for_a_person() {
    let mut feed = Feed::new("st_glued").await;
    let payers = json!({ "payer_accounts": ["SG52PAYER1"] });
    feed.command("account.upsert", &with(account("ONE"), &payers)).await;
    feed.command("invoice.create", &invoice("INV-71523", "ONE", "60.53")).await;
    feed.command("invoice.create", &invoice("INV-71524", "TWO", "40.00")).await;
    let payer = json!({ "debtor": { "account": "SG52PAYER1" } });
    let texts = [
        "INV-71523-INV-71524",
        "INV-71523/INV-71524",
        "INV-71523_INV-71524",
        "INV-71523, INV-71524",
        "INV-71523+71524",
        "INV-71523/24",
        "INV71523 INV71524",
        "INV-71523、INV-71524",
    ];
    for (number, text) in texts.iter().enumerate() {
        for (which, amount) in ["100.53", "60.53"].iter().enumerate() {
            let id = format!("T-{number}-{which}");
            let told = feed.bank(&id, &with(credit_saying(&id, amount, text), &payer)).await;
            assert_eq!(told, "parked several_accounts", "{text} {amount}");
        }
    }
    feed.direct.finish().await;
}

/// Texts with more unknown words than any bound on rounds of loading: they are parked, and both the
/// job and a simulation decide them again, beside others.
#[tokio::test]
async fn parked_texts_full_of_unknown_words_are_decided_again() {
    let mut feed = Feed::new("st_words").await;
    for words in [11_usize, 12, 13, 40, 200] {
        let lines: Vec<String> = (0..words)
            .map(|word| format!("R{words}X{:04}", 3_300 + word))
            .collect::<Vec<_>>()
            .chunks(10)
            .map(|line| line.join(" "))
            .collect();
        let id = format!("N-{words}");
        let text = json!({ "remittance": { "unstructured": lines },
                           "debtor": { "name": "AGENT" } });
        let told = feed.bank(&id, &with(credit(&id, "808.00"), &text)).await;
        assert!(told.starts_with("parked "), "{words}: {told}");
    }
    feed.command("invoice.create", &invoice("R13X3303", "LAST", "808.00")).await;
    assert_eq!(feed.told("N-13").await, "allocated R13X3303");
    assert_eq!(feed.rematch().await, "4 looked at again, 0 changed");
    let path = file(&feed.direct.database, "same.toml", "[global]");
    let ran = topup(&feed.direct.database, &["simulate", "--rules", &path, "--since", "1d"]);
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert_eq!(ran.status.code(), Some(0), "{said}");
    assert!(said.contains("Payments looked at: 5. Decided otherwise: 0."), "{said}");
    feed.direct.finish().await;
}

/// Whose a number was before is the same in one batch and in several: also what a customer had
/// between two upserts of one batch.
#[tokio::test]
async fn a_number_that_was_a_customers_within_one_batch_was_theirs() {
    let mut direct = Direct::new("st_passing").await;
    let of = |account_id: &str, kind: &str, number: &str| {
        let mut data = account(account_id);
        data[kind] = json!([number]);
        data
    };
    let mut former = Vec::new();
    for together in [true, false] {
        let name = |what: &str| format!("{what}{}", u8::from(together));
        let (a, b) = (name("A"), name("B"));
        let upserts = [
            of(&a, "payer_accounts", &name("PAYER")),
            of(&a, "payer_accounts", &name("OTHER")),
            of(&a, "virtual_accounts", &name("VA")),
            of(&a, "virtual_accounts", &name("VB")),
            of(&b, "payer_accounts", &name("PAYER")),
        ];
        let items: Vec<Item> = (1..)
            .zip(&upserts)
            .map(|(n, data)| direct.command(&name(&format!("u-{n}-")), "account.upsert", data))
            .collect();
        for batch in items.chunks(if together { items.len() } else { 1 }) {
            let ended = direct.run(batch).await;
            assert!(ended.iter().all(|ended| ended.outcome == "applied"), "{ended:?}");
        }
        let sql = format!(
            "SELECT kind, rtrim(number, '01'), rtrim(account_id, '01') FROM former_owners
              WHERE account_id LIKE '_{}' ORDER BY 1, 2",
            u8::from(together)
        );
        former.push(direct.database.lines(&sql).await);
    }
    assert_eq!(former[1], ["payer|PAYER|A", "virtual|VA|A"]);
    assert_eq!(former[0], former[1]);
    direct.finish().await;
}
