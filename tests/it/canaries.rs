//! Names, account numbers and texts of payers are planted in all that a worker reads. None of them
//! is in its log, in its metrics, in what `doctor` and `status` say, nor in an event.

use serde_json::json;

use crate::harness::World;
use crate::harness::records::{BANK, account, bank, credit_saying, invoice, with};
use crate::observe::{Seen, get};
use crate::verbs::{said, topup};

/// A payer's name, account, virtual account, text, end-to-end id and reference.
const PLANTED: [&str; 6] = [
    "Canaria Zephyrine",
    "GB33BUKB20201555555555",
    "8840021176543",
    "birdsong for the landlord",
    "E2E-CANARY-7",
    "CREDREF-CANARY",
];
/// The customer's own name, which `account.upserted` and nothing else tells.
const CUSTOMER: &str = "Featherstonehaugh";

/// What is planted, whatever its case or what stands between its parts.
pub fn planted(text: &str) -> Option<&'static str> {
    let solid = |text: &str| -> String {
        let kept = text.chars().filter(|c| c.is_alphanumeric());
        kept.flat_map(char::to_lowercase).collect()
    };
    let text = solid(text);
    PLANTED.into_iter().find(|planted| text.contains(&solid(planted)))
}

async fn plant(world: &World) {
    let [name, number, own, text, end_to_end, reference] = PLANTED;
    let payer = json!({
        "debtor": { "name": name, "account": number }, "end_to_end_id": end_to_end,
        "virtual_account": own,
        "remittance": { "unstructured": [text, name], "creditor_reference": reference },
    });
    let owned = json!({ "name": CUSTOMER, "payer_accounts": [number] });
    world.applied("a-1", "account.upsert", "ACC-1", with(account("ACC-1"), &owned)).await;
    world.applied("i-1", "invoice.create", "ACC-1", invoice("INV-1", "ACC-1", "5.00")).await;
    let credit = |id: &str| with(credit_saying(id, "7.00", text), &payer);
    world.bank("b-1", credit("T-1")).await;
    assert_eq!(world.outcome("b-1").await.0, "applied");
    // The same id with other content, an amount that is none, an account that is no text.
    world.bank("b-1", with(credit("T-1"), &json!({ "amount": "8.00" }))).await;
    world.bank("b-2", with(credit("T-2"), &json!({ "amount": text }))).await;
    world.bank("b-3", with(credit("T-3"), &json!({ "currency": name }))).await;
    world.bank("b-4", with(credit("T-4"), &json!({ "booking_date": number }))).await;
    // Bytes that are no record, a key that is none, a type that nobody knows.
    let topic = &world.topics.bank_payments;
    let broken = format!("{{\"data\":{{\"debtor\":{{\"name\":\"{name}\",{number}");
    world.publish(topic, BANK, &broken).await;
    world.publish(topic, name, &bank("b-5", &credit("T-5"))).await;
    let unknown = bank("b-6", &credit("T-6")).replace("bank.transaction.v1", "bank.song.v1");
    world.publish(topic, BANK, &unknown).await;
    // A command that is refused, and one that waits until it is a letter.
    let numbers = json!({ "payer_accounts": [text] });
    world.command("a-2", "account.upsert", "ACC-1", with(account("ACC-1"), &numbers)).await;
    let twice = with(invoice("INV-1", "ACC-1", "6.00"), &json!({ "name": text }));
    world.command("i-2", "invoice.create", "ACC-1", twice).await;
    // A fact that the database refuses: the worker warns, halves the batch and goes on.
    world.bank("b-7", credit("T-7")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_planted_is_told() {
    let world = World::with_partitions("canaries", 1).await;
    for statement in [
        "CREATE FUNCTION sings() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN RAISE EXCEPTION 'no row for you' USING ERRCODE = '23514',
             DETAIL = 'it has ' || NEW.debtor_name || NEW.unstructured; END $$",
        "CREATE TRIGGER sings BEFORE INSERT ON money_records FOR EACH ROW
             WHEN (NEW.bank_transaction_id = 'T-7') EXECUTE FUNCTION sings()",
    ] {
        world.database.execute(statement).await;
    }
    let seen = Seen::start(&world, "canaries", &[]);
    let address = seen.address(&world).await;
    plant(&world).await;
    let letters = "SELECT count(*) >= 8 FROM dead_letters";
    world.until(letters, "true").await;
    world.relayed().await;
    let log = seen.lines("");
    assert!(log.iter().any(|line| line.contains("records became dead letters")), "{log:#?}");
    let told: Vec<&String> = log.iter().filter(|line| planted(line).is_some()).collect();
    assert!(told.is_empty(), "in the log: {told:#?}");
    let customer = log.iter().any(|line| line.contains(CUSTOMER));
    assert!(!customer, "the customer's name is in the log");
    let (_, metrics) = get(&address, "/metrics").await;
    assert_eq!(planted(&metrics), None, "in the metrics: {metrics}");
    assert!(metrics.contains("topup_") && !metrics.contains(CUSTOMER));
    let lists: [&[&str]; 7] = [
        &["doctor"],
        &["status", "--output", "json"],
        &["records", "list"],
        &["dead-letters", "groups"],
        &["dead-letters", "list", "--output", "json"],
        &["payments", "list", "--output", "json"],
        &["audit"],
    ];
    for words in lists {
        let text = said(&topup(&world, words));
        assert_eq!(planted(&text), None, "{words:?}: {text}");
    }
    let messages = world.database.lines("SELECT message FROM dead_letters").await.join("\n");
    assert_eq!(planted(&messages), None, "{messages}");
    let mut names = 0;
    for event in world.events().await {
        let text = event.json.to_string();
        assert_eq!(planted(&text), None, "an event: {text}");
        names += usize::from(text.contains(CUSTOMER));
    }
    assert!(names > 0, "the customer's own event has the name");
    seen.end();
    // The trigger is of this test alone, and so is what it kept from being recorded.
    world.abandon().await;
}
