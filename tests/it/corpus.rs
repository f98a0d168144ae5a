//! Every line of `fixtures/bad-inputs.jsonl`: all of them in one stream among good records, and
//! each alone in the state that the corpus describes.
//!
//! Many lines share one message id. That hides nothing: a record that cannot be decoded is known
//! by its place in the log and not by its id, and the tests demand that the code of such a dead
//! letter is one of decoding, never `conflict`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::json;
use sqlx::{Executor, Row};
use topup::wire::{DecodeCode, Topic, base64};

use crate::harness::records::{
    about_invoice, account, allocate, allocate_amount, bank, command, credit_saying, draft,
    invoice, payment,
};
use crate::harness::{Direct, World, out_record};

const LINES: &str = include_str!("../../fixtures/bad-inputs.jsonl");

/// Lines whose outcome is decided by what they name: they do decode, so in the stream it would
/// depend on their neighbours. They have their turn in the second test.
const DECIDED_BY_STATE: [&str; 2] = ["B051", "B094"];

/// Where the contract and the corpus disagree, the contract is right.
const CONTRACT_WINS: [(&str, &str, &str); 1] = [(
    "B094",
    "applied",
    "contracts §2: an id is 1 to 64 of A-Za-z0-9._:-, so `not-a-uuid` is an id",
)];

/// Hostile texts that name an invoice all the same, alone in the fixture (matching §2 and §3).
const NAMES_AN_INVOICE: [(&str, &str, &str); 7] = [
    (
        "B140",
        "near_reference",
        "its digits, after a letter that only looks right: a person is asked",
    ),
    ("B142", "uncorroborated", "a zero-width space is dropped; INV-3001 is a rival"),
    ("B144", "uncorroborated", "a space stands for the hyphen; as B142"),
    ("B146", "near_reference", "a digit too many: a person is asked, nothing is paid"),
    ("B148", "paid_after_void", "the invoice was voided"),
    ("B162", "uncorroborated", "NUL ends a word like any control character; as B142"),
    ("B166", "uncorroborated", "one digit away another customer owes the same; as B142"),
];

#[derive(Debug, Deserialize)]
struct Line {
    id: String,
    topic: String,
    class: String,
    expected: String,
    #[serde(default)]
    needs_state: bool,
    value: Option<String>,
    value_base64: Option<String>,
}

impl Line {
    fn all() -> Vec<Self> {
        let lines = LINES.lines().map(serde_json::from_str);
        lines.map(|line| line.expect("a line of the fixture")).collect()
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        match (&self.value_base64, &self.value) {
            (Some(text), _) => Some(base64::decode(text).expect("base64")),
            (None, value) => value.clone().map(String::into_bytes),
        }
    }

    fn topic(&self) -> Topic {
        match self.topic.as_str() {
            "topup.invoice-commands.v1" => Topic::Commands,
            "topup.bank-payments.v1" => Topic::BankPayments,
            other => panic!("{other}"),
        }
    }

    /// The outcome that the inbox must show.
    fn outcome(&self) -> &str {
        let contract = CONTRACT_WINS.iter().find(|(id, ..)| *id == self.id);
        match (contract, self.expected.as_str()) {
            (Some((_, outcome, _)), _) => outcome,
            (None, "dead-lettered") => "dead_lettered",
            (None, "recorded") => "applied",
            (None, expected) => expected,
        }
    }
}

/// Fisher-Yates with a fixed generator: the same order on every machine.
fn shuffle<T>(items: &mut [T]) {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for last in (1..items.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let other = usize::try_from(state % (last as u64 + 1)).expect("an index");
        items.swap(last, other);
    }
}

/// A record of the stream: a line of the corpus, or a good one.
struct Sent {
    line: Option<Line>,
    topic: Topic,
    key: Option<String>,
    value: Option<Vec<u8>>,
}

/// Forty customers with two invoices each: one paid by command, one by a bank payment that names
/// its number, each for an amount of its own, so that no number has a rival. Five records each.
fn good_records() -> Vec<Sent> {
    let mut sent = Vec::new();
    for number in 1..=40 {
        let name = format!("GOOD-{number}");
        let (by_hand, by_bank) = (format!("GA-{number}00"), format!("GB-{number}00"));
        let paid = format!("GP-{number}");
        let commands = [
            ("invoice.create", invoice(&by_hand, &name, "31.00")),
            ("invoice.create", invoice(&by_bank, &name, &format!("17.{number:02}"))),
            ("payment.record", payment(&paid, &name, "31.00")),
            ("payment.allocate", allocate(&paid, &name, &by_hand)),
        ];
        for (part, (kind, data)) in (1..).zip(commands) {
            let id = format!("good-{number}-{part}");
            sent.push(Sent {
                line: None,
                topic: Topic::Commands,
                key: Some(name.clone()),
                value: Some(command(&id, kind, &data).into_bytes()),
            });
        }
        let amount = format!("17.{number:02}");
        let data = credit_saying(&format!("G-{number}"), &amount, &format!("for {by_bank}"));
        sent.push(Sent {
            line: None,
            topic: Topic::BankPayments,
            key: Some("SG-DBS-001".to_owned()),
            value: Some(bank(&format!("good-{number}-5"), &data).into_bytes()),
        });
    }
    sent
}

/// Nothing that a producer can send stops the worker or touches another customer's records.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_records_among_good_ones_end_as_expected_and_touch_nothing() {
    let world = World::with_partitions("x_stream", 3).await;
    let worker = world.start().await;
    let mut stream = good_records();
    let lines = Line::all().into_iter().filter(|line| !line.needs_state);
    for line in lines.filter(|line| !DECIDED_BY_STATE.contains(&line.id.as_str())) {
        stream.push(Sent { topic: line.topic(), key: None, value: line.bytes(), line: Some(line) });
    }
    assert_eq!(stream.len(), 200 + 81);
    shuffle(&mut stream);
    let name = |topic| match topic {
        Topic::Commands => world.topics.commands.as_str(),
        Topic::BankPayments | Topic::Usage => world.topics.bank_payments.as_str(),
    };
    let records = stream
        .iter()
        .map(|sent| out_record(name(sent.topic), sent.key.as_deref(), sent.value.as_deref()));
    let places = world.publish_all(records.collect()).await;
    let decided = "SELECT count(*) FROM inbox WHERE outcome <> 'waiting'";
    world.until(decided, "281").await;
    for (sent, (partition, offset)) in stream.iter().zip(places) {
        let place = (name(sent.topic), partition, offset);
        check_in_stream(&world, sent, place).await;
    }
    check_good_records(&world).await;
    // The worker is alive.
    let last = account("LAST");
    world.applied("last", "account.upsert", "LAST", last).await;
    assert_eq!(world.dead_letter_records().await.len(), 66);
    worker.shutdown().await;
    world.finish().await;
}

async fn check_in_stream(world: &World, sent: &Sent, place: (&str, i32, i64)) {
    let row = sqlx::query(
        "SELECT i.outcome, d.code, d.record_value, d.record_key, i.subject
         FROM inbox i LEFT JOIN dead_letters d USING (topic, partition, record_offset)
         WHERE topic = $1 AND partition = $2 AND record_offset = $3",
    )
    .bind(place.0)
    .bind(place.1)
    .bind(place.2);
    let row = row.fetch_one(&world.database.admin).await.expect("an inbox row");
    let outcome: &str = row.get(0);
    let Some(line) = &sent.line else {
        assert_eq!(outcome, "applied", "{:?}", sent.value);
        return;
    };
    assert_eq!(outcome, line.outcome(), "{}", line.id);
    let code: Option<&str> = row.get(1);
    let subject: Option<&str> = row.get(4);
    if outcome == "dead_lettered" {
        let code = code.expect("a dead letter");
        let of_decoding = DecodeCode::ALL.iter().any(|known| known.code() == code);
        assert!(of_decoding, "{}: {code}", line.id);
        let value: Option<Vec<u8>> = row.get(2);
        assert_eq!(value.unwrap_or_default(), line.bytes().unwrap_or_default(), "{}", line.id);
        assert_eq!(row.get::<Option<Vec<u8>>, _>(3), None, "{}", line.id);
    } else {
        let subject = subject.expect("a subject");
        assert!(subject.starts_with("payment:BANK:SG-DBS-001:DBS-"), "{}: {subject}", line.id);
    }
}

async fn check_good_records(world: &World) {
    let mut expected = BTreeSet::new();
    for number in 1..=40 {
        expected.insert(format!("GOOD-{number}|GA-{number}00|GP-{number}|R1|31000000"));
        let micros = 17_000_000 + number * 10_000;
        expected
            .insert(format!("GOOD-{number}|GB-{number}00|BANK:SG-DBS-001:G-{number}|R4|{micros}"));
    }
    let pairs = "SELECT account_id, invoice_id, payment_id, rule, amount FROM allocations";
    let found: BTreeSet<String> = world.database.lines(pairs).await.into_iter().collect();
    assert_eq!(found, expected);
    let balances = "SELECT count(*) || ' ' || min(amount) || ' ' || max(amount) FROM balances";
    assert_eq!(world.value(balances).await, "40 48010000 48400000");
    let events = world.events().await;
    assert!(events.iter().all(|event| event.text("type") != "topup.command.rejected.v1"));
}

/// The state that the corpus describes. There is no usage feed yet, so nothing of PAY-7 is spent.
async fn fixture(direct: &mut Direct) {
    let paid = |pay: &str, inv: &str| {
        [
            ("invoice.create", invoice(inv, "ACC-1", "100.00")),
            ("payment.record", payment(pay, "ACC-1", "100.00")),
            ("payment.allocate", allocate(pay, "ACC-1", inv)),
        ]
    };
    let mut steps = vec![
        ("account.upsert", account("ACC-1")),
        ("invoice.create", invoice("INV-1001", "ACC-1", "100.00")),
        ("invoice.create", draft("INV-1002", "ACC-1", "100.00")),
        ("invoice.create", invoice("INV-1004", "ACC-1", "100.00")),
        ("invoice.void", about_invoice("INV-1004", "ACC-1")),
        ("invoice.create", invoice("INV-1005", "ACC-1", "100.00")),
        ("invoice.create", invoice("INV-1006", "ACC-1", "100.00")),
        ("invoice.create", invoice("INV-3001", "ACC-2", "100.00")),
    ];
    steps.extend(paid("PAY-7", "INV-1007"));
    steps.extend(paid("PAY-OF-1003", "INV-1003"));
    for number in 1..=3 {
        let id = format!("PAY-{number}");
        steps.push(("payment.record", payment(&id, "ACC-1", "100.00")));
    }
    for (number, (kind, data)) in (1..).zip(steps) {
        let item = direct.command(&format!("fixture-{number}"), kind, &data);
        direct.applied(item).await;
    }
}

/// Each line alone: one transaction on the fixture, rolled back at the end. So every line sees
/// the same fresh state, and no id of one line can be in the way of another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_line_alone_in_the_state_of_the_corpus_ends_as_expected() {
    let mut direct = Direct::new("x_alone").await;
    fixture(&mut direct).await;
    let before = direct.database.lines("SELECT * FROM inbox ORDER BY source, message_id").await;
    let named: BTreeMap<&str, &str> =
        NAMES_AN_INVOICE.iter().map(|(id, expected, _)| (*id, *expected)).collect();
    let mut wrong = Vec::new();
    for line in Line::all() {
        let mut tx = direct.pipeline.pool().begin().await.expect("begin");
        if line.class == "duplicate" {
            for item in processed_before(&mut direct) {
                let ended = direct.run_in(&mut tx, &[item]).await.expect("processed");
                assert_eq!(ended[0].outcome, "applied");
            }
        }
        let bytes = line.bytes().expect("no line is a tombstone");
        let item = direct.item(line.topic(), None, &bytes);
        let ended = direct.run_in(&mut tx, &[item]).await;
        let ended = ended.unwrap_or_else(|error| panic!("{}: {error:?}", line.id));
        // What would be checked at commit is checked now.
        tx.execute("SET CONSTRAINTS ALL IMMEDIATE").await.expect("constraints hold");
        assert_eq!(ended[0].outcome, line.outcome(), "{}: {:?}", line.id, ended[0]);
        if line.expected == "recorded" {
            let expected = named.get(line.id.as_str()).copied().unwrap_or("nothing");
            let subject = ended[0].subject.as_deref().expect("a subject");
            let id = subject.strip_prefix("payment:").expect("a payment");
            let settled = settled_by(&mut tx, id).await;
            wrong.extend((settled != expected).then(|| (line.id.clone(), settled)));
        }
        tx.rollback().await.expect("rollback");
    }
    let after = direct.database.lines("SELECT * FROM inbox ORDER BY source, message_id").await;
    assert_eq!(after, before, "nothing was left behind");
    assert!(wrong.is_empty(), "{wrong:?}");
    direct.finish().await;
}

/// What the lines of class `duplicate` repeat or contradict.
fn processed_before(direct: &mut Direct) -> [topup::pipeline::batch::Item; 2] {
    let data = allocate_amount("PAY-1", "ACC-1", "INV-1001", "100.00");
    let value = crate::harness::records::envelope(
        "018f6b1e-0000-7000-8000-00000000d001",
        "finance-app",
        "topup.payment.allocate.v1",
        &data,
    );
    let allocated = direct.item(Topic::Commands, None, value.as_bytes());
    let lines = Line::all();
    let resent = lines.iter().find(|line| line.id == "B184").expect("B184");
    let sent = resent.value.as_deref().expect("text");
    let mut sent: serde_json::Value = serde_json::from_str(sent).expect("JSON");
    sent["id"] = json!("the-first-delivery");
    let sent = sent.to_string();
    let received = direct.item(Topic::BankPayments, None, sent.as_bytes());
    [allocated, received]
}

/// The rule and invoice that a payment was allocated by and to, or why it is parked.
async fn settled_by(tx: &mut sqlx::PgTransaction<'_>, payment_id: &str) -> String {
    let settled = sqlx::query_scalar(
        "SELECT coalesce((SELECT rule || ' ' || invoice_id FROM allocations a
                          WHERE a.payment_id = p.payment_id),
                         nullif(nullif(reason, 'no_candidate'), 'amount_only'), 'nothing')
         FROM payments p WHERE payment_id = $1 AND origin = 'bank'",
    )
    .bind(payment_id);
    settled.fetch_one(&mut **tx).await.expect("the payment is recorded")
}
