//! One customer holds much money on account. What is sent, paid, taken back and looked at again
//! beside it costs the same, however much that is: rows read and statements run are counted.

use serde_json::{Value, json};
use topup::clock::Clock;
use topup::domain::ids::{MessageId, PaymentId, RecordId, Source, own_source};
use topup::domain::input::{Input, Message};
use topup::pipeline::Pipeline;
use topup::pipeline::batch::Item;
use topup::store::persist::RawRecordRow;
use topup::wire::Topic;

use crate::harness::counted::{Statements, counted};
use crate::harness::records::{
    about_invoice, about_payment, account, bank, command, credit, credit_saying, draft, envelope,
    invoice, with,
};
use crate::harness::{Direct, by_length};
use crate::usage::charge;
use crate::{plans, size};

const PAYER: &str = "DE62HOLDER0001";
/// Payments on account in the small world.
const FEW: usize = 600;
/// Records of a batch: as many sends as one transaction takes, by the words that it locks.
const BATCH: usize = 250;

type Draft = (Topic, String);

fn cmd(id: &str, kind: &str, data: &Value) -> Draft {
    (Topic::Commands, command(id, kind, data))
}

fn money(id: &str, data: &Value) -> Draft {
    (Topic::BankPayments, bank(id, data))
}

fn by_payer() -> Value {
    json!({ "debtor": { "account": PAYER, "name": "HOLDER LTD" } })
}

fn each(count: usize, make: impl Fn(usize) -> Draft) -> Vec<Draft> {
    (0..count).map(make).collect()
}

fn odd(number: usize) -> String {
    format!("{}.{:02}", 3_000 + number / 100, number % 100)
}

/// One customer with `held` payments of 7.77 on account, and drafts that may be sent.
fn world(held: usize) -> Vec<Draft> {
    let mut records = vec![cmd(
        "a",
        "account.upsert",
        &with(account("HOLDER"), &json!({ "payer_accounts": [PAYER] })),
    )];
    records.extend(each(held, |n| {
        let same = json!({ "end_to_end_id": "MONTHLY" });
        let data = with(with(credit(&format!("HELD-{n}"), "7.77"), &by_payer()), &same);
        money(&format!("held-{n}"), &data)
    }));
    records.extend(each(2 * BATCH, |n| {
        let amount = if n < BATCH { "100.00".to_owned() } else { odd(n) };
        cmd(&format!("draft-{n}"), "invoice.create", &draft(&format!("D-{n}"), "HOLDER", &amount))
    }));
    records
}

fn sent(name: &str, amount: impl Fn(usize) -> String) -> Vec<Draft> {
    each(BATCH, |n| {
        let data = invoice(&format!("{name}-{n}"), "HOLDER", &amount(n));
        cmd(&format!("{name}-{n}"), "invoice.create", &data)
    })
}

fn returned(name: &str, n: usize, of: &Value) -> Draft {
    let back = json!({ "credit_debit": "DBIT", "reversal": true, "return_of": of });
    let data = with(with(credit(&format!("{name}-{n}"), "7.77"), &by_payer()), &back);
    money(&format!("{name}-{n}"), &data)
}

/// What happens, and how many of it.
fn probes() -> Vec<(&'static str, Vec<Draft>)> {
    let by_id = |n: usize| json!({ "bank_transaction_id": format!("HELD-{n}"), "reason": "AC04" });
    vec![
        ("invoices that no money fits", sent("NONE", |_| "100.00".to_owned())),
        ("invoices of odd amounts", sent("ODD", |n| odd(9_000 + n))),
        ("invoices that all of it fits", sent("FITS", |_| "7.77".to_owned())),
        ("invoices smaller than each payment", sent("LESS", |n| format!("0.{:02}", 1 + n % 99))),
        (
            "drafts that are sent",
            each(BATCH, |n| {
                cmd(
                    &format!("s-{n}"),
                    "invoice.mark-sent",
                    &about_invoice(&format!("D-{n}"), "HOLDER"),
                )
            }),
        ),
        (
            "money that fits nothing",
            each(BATCH, |n| {
                money(&format!("m-{n}"), &with(credit(&format!("M-{n}"), "5.55"), &by_payer()))
            }),
        ),
        (
            "money that names nothing that is there",
            each(BATCH, |n| {
                let data = credit_saying(&format!("W-{n}"), "5.55", &format!("INV-{n}77"));
                money(&format!("w-{n}"), &with(data, &by_payer()))
            }),
        ),
        (
            "money removed by command",
            each(20, |n| {
                cmd(&format!("r-{n}"), "payment.remove", &about_payment(&held(n), "HOLDER"))
            }),
        ),
        ("money the bank takes back by its id", each(20, |n| returned("B", n, &by_id(n)))),
        (
            "money the bank takes back and says little of",
            each(20, |n| returned("P", n, &json!({ "reason": "AC04" }))),
        ),
        (
            "money the bank takes back by a common end-to-end id",
            each(20, |n| {
                returned("E", n, &json!({ "end_to_end_id": "MONTHLY", "reason": "AC04" }))
            }),
        ),
        (
            "charges",
            each(BATCH, |n| {
                let data = charge(&format!("U-{n}"), "HOLDER", "0.01");
                (
                    Topic::Usage,
                    envelope(&format!("u-{n}"), "rating", "topup.usage.charge.v1", &data),
                )
            }),
        ),
    ]
}

/// The payment that the bank's `HELD-n` became.
fn held(n: usize) -> String {
    format!("BANK:SG-DBS-001:HELD-{n}")
}

/// A wish of the rematch job: partition −1 is no place in any log.
fn rematch(n: usize, direct: &Direct) -> Item {
    let named = held(n);
    let digest = [u8::try_from(n % 251).expect("small"); 32];
    let message = Message {
        record: RecordId {
            source: Source::trusted(own_source::JOBS),
            id: MessageId::trusted(&format!("rematch:{n}")),
        },
        time: Clock::System.now(),
        traceparent: None,
        content_hash: digest,
        bank_hash: digest,
        tokens: None,
        waited: None,
        input: Input::Rematch(PaymentId::trusted(&named)),
    };
    let raw = RawRecordRow {
        topic: direct.pipeline.settings().topics.bank_payments.clone(),
        partition: -1,
        offset: 0,
        timestamp: None,
        key: None,
        value: None,
        headers: "[]".to_owned(),
    };
    Item { raw, decoded: Ok(message), again: false }
}

/// What a batch cost.
#[derive(Debug, Clone, Copy)]
struct Cost {
    rows: i64,
    statements: usize,
}

async fn build(name: &str, copies: usize) -> Direct {
    let mut direct = size::build(name, 0).await;
    let items = size::placed(&mut direct, world(FEW));
    let (customer, rest) = items.split_at(1);
    direct.run(customer).await;
    for batch in rest.chunks(1_000) {
        direct.run(batch).await;
    }
    let held = "SELECT count(*) FROM payments WHERE state = 'on_account'";
    assert_eq!(direct.database.value(held).await, FEW.to_string());
    if copies > 0 {
        plans::multiply(&direct.database, copies).await;
    }
    let pool = counted(direct.pipeline.pool()).await;
    let settings = direct.pipeline.settings().clone();
    direct.pipeline = Pipeline::new(pool, settings, Clock::System);
    direct.database.execute("VACUUM ANALYZE").await;
    direct
}

async fn measured(direct: &Direct, items: &[Item], statements: &Statements) -> (Cost, String) {
    statements.take();
    let (read, ended) = size::measure_items(direct, items).await;
    let rows = read.iter().map(|(_, rows)| rows).sum();
    (Cost { rows, statements: statements.take() }, ended)
}

async fn all_measured(direct: &mut Direct) -> Vec<(&'static str, Cost, String, usize)> {
    let statements = Statements::new();
    let mut costs = Vec::new();
    for (what, records) in probes() {
        let items = size::placed(direct, records);
        let (cost, ended) = measured(direct, &items, &statements).await;
        println!("{what} ({ended}): {cost:?}");
        costs.push((what, cost, ended, items.len()));
    }
    let items: Vec<Item> = (0..200).map(|n| rematch(n, direct)).collect();
    let (cost, ended) = measured(direct, &items, &statements).await;
    println!("looked at again ({ended}): {cost:?}");
    costs.push(("looked at again", cost, ended, items.len()));
    costs
}

/// Ten times as much held money in the daily run, 100,000 payments in the long one.
#[tokio::test]
async fn what_happens_beside_much_held_money_costs_the_same() {
    let mut small = build("held_small", 0).await;
    let few = all_measured(&mut small).await;
    let mut large = build("held_large", by_length(10, 166)).await;
    let many = all_measured(&mut large).await;
    let mut grown = Vec::new();
    for ((what, before, end, count), (_, after, end_large, _)) in few.into_iter().zip(many) {
        println!("{what}: {before:?}, then {after:?}");
        assert_eq!(end, end_large, "{what}: it ends differently");
        let records = i64::try_from(count).expect("few");
        let rows = before.rows + before.rows / 2 + 2 * records;
        if after.rows > rows || after.statements > before.statements + 4 {
            grown.push(format!("{what}: {before:?}, then {after:?}"));
        }
    }
    assert!(grown.is_empty(), "{grown:#?}");
    small.database.abandon().await;
    large.database.abandon().await;
}

/// 1,000 invoices sent at once beside 600 payments: as many are paid at once as there is money for
/// exactly, and the rest by the rematch job. What one batch of sends reads for each further invoice
/// of the same amount is one payment more. All of it costs so many statements and
/// rows for each invoice, and not one for each invoice and payment, which would be 600,000.
#[tokio::test]
async fn a_thousand_invoices_are_sent_beside_much_held_money() {
    /// For each invoice.
    const ROWS_MAX: i64 = 60;
    const STATEMENTS_MAX: usize = 200;
    let mut direct = build("held_thousand", 0).await;
    let records = each(1_000, |n| {
        let data = invoice(&format!("S-{n}"), "HOLDER", "7.77");
        cmd(&format!("S-{n}"), "invoice.create", &data)
    });
    let items = size::placed(&mut direct, records);
    let statements = Statements::new();
    let mut all = Cost { rows: 0, statements: 0 };
    for chunk in items.chunks(BATCH) {
        let (cost, ended) = measured(&direct, chunk, &statements).await;
        assert_eq!(ended, "applied");
        all.rows += cost.rows;
        all.statements += cost.statements;
        direct.run(chunk).await;
    }
    println!("a thousand sends: {all:?}");
    assert!(all.rows <= 1_000 * ROWS_MAX && all.statements <= STATEMENTS_MAX, "{all:?}");
    let paid = "SELECT count(*) FROM invoice_states WHERE status = 'provisioned'";
    assert_eq!(direct.database.value(paid).await, FEW.to_string());
    direct.finish().await;
}
