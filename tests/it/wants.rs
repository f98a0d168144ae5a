//! What the first load of a batch did not foresee is loaded when deciding misses it, to the same
//! result.

mod advices;
mod usage;
mod waiting;

use chrono::{DateTime, Utc};
use serde_json::json;
use topup::domain::decide::{Context, decide};
use topup::domain::effect::{Decided, Outcome};
use topup::domain::ids::IdBlock;
use topup::domain::input::Message;
use topup::domain::matching::{Policy, RuleSet};
use topup::domain::want::Want;
use topup::domain::working_set::Stop;
use topup::pipeline::batch::Item;
use topup::store::load::{Locks, Needs, load_misses, working_set};
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{account, bank, credit, credit_saying, invoice, with};

fn payment(direct: &mut Direct, id: &str, data: &impl std::fmt::Display) -> Message {
    let item = direct.item(Topic::BankPayments, None, bank(id, data).as_bytes());
    item.decoded.expect("decoded")
}

/// Decides the message on what `needs` loads and on what is missed then, and tells what that was.
/// Nothing is written.
async fn decided(
    direct: &Direct,
    message: &Message,
    mut needs: Needs,
    (locks, as_of): (Locks, DateTime<Utc>),
) -> (Decided, Vec<Want>) {
    let mut tx = direct.pipeline.pool().begin().await.expect("begin");
    let rules = RuleSet::from(Policy::default());
    let loaded = working_set(&mut tx, &mut needs, locks, as_of).await;
    let mut before = loaded.expect("loaded");
    let mut missed = Vec::new();
    loop {
        let mut set = before.clone();
        let context = Context { rules: &rules, as_of, claims_until: as_of };
        match decide(&mut set, message, &mut IdBlock::new(1), context) {
            Ok(decided) => return (decided, missed),
            Err(Stop::Miss(wants)) => {
                let wants: Vec<Want> = wants.into_iter().collect();
                assert!(!wants.iter().any(|want| missed.contains(want)), "again: {wants:?}");
                load_misses(&mut tx, &needs, locks, &wants, &mut before).await.expect("loaded");
                missed.extend(wants);
            }
            Err(stop) => panic!("{stop:?}"),
        }
    }
}

#[tokio::test]
async fn what_was_not_foreseen_is_loaded_to_the_same_result() {
    let mut direct = Direct::new("wants").await;
    let numbers = json!({ "payer_accounts": ["0720001234"], "virtual_accounts": ["VA10001"] });
    let given = json!({ "references": ["SO/2026/10045"] });
    let steps = [
        ("account.upsert", with(account("ACC-1"), &numbers)),
        ("invoice.create", invoice("INV-1", "ACC-1", "100.00")),
        ("invoice.create", with(invoice("INV-2", "ACC-1", "70.00"), &given)),
    ];
    for (number, (kind, data)) in (1..).zip(steps) {
        let item: Item = direct.command(&format!("c-{number}"), kind, &data);
        direct.applied(item).await;
    }
    let sql = "SELECT payment_reference FROM invoices WHERE invoice_id = 'INV-1'";
    let reference = direct.database.value(sql).await;
    let by = |id: &str, more: serde_json::Value| with(credit(id, "70.00"), &more);
    let nameless =
        json!({ "bank_transaction_id": null, "remittance": { "unstructured": ["Topup INV-2"] } });
    let payments = [
        credit_saying("T-1", "100.00", &reference),
        credit_saying("T-2", "70.00", "Topup INV-2"),
        credit_saying("T-3", "70.00", "Topup SO/2026/10045"),
        by("T-4", json!({ "debtor": { "account": "072-000-1234" } })),
        by("T-5", json!({ "virtual_account": "VA10001" })),
        by("T-6", nameless),
    ];
    for (number, data) in (1..).zip(payments) {
        let message = payment(&mut direct, &format!("m-{number}"), &data);
        let as_of = direct.pipeline.clock().now();
        for locks in [Locks::First, Locks::Last] {
            let how = (locks, as_of);
            let (expected, foreseen) = decided(&direct, &message, Needs::of([&message]), how).await;
            let (late, missed) = decided(&direct, &message, Needs::default(), how).await;
            assert_eq!(late, expected, "{locks:?} {data}");
            assert!(matches!(late.outcome, Outcome::Applied { .. }), "{:?}", late.outcome);
            assert!(missed.len() > foreseen.len(), "{missed:?}");
        }
    }
    direct.finish().await;
}

/// Commands lock first: what they are about is loaded late to the same result too.
#[tokio::test]
async fn what_commands_are_about_is_loaded_late_to_the_same_result() {
    let mut direct = Direct::new("wants_commands").await;
    let steps = [
        ("account.upsert", account("ACC-1")),
        ("invoice.create", invoice("INV-1", "ACC-1", "100.00")),
        ("invoice.create", invoice("INV-2", "ACC-1", "70.00")),
    ];
    for (number, (kind, data)) in (1..).zip(steps) {
        let item: Item = direct.command(&format!("c-{number}"), kind, &data);
        direct.applied(item).await;
    }
    let void = json!({ "invoice_id": "INV-1", "account_id": "ACC-1", "reason": "duplicate" });
    let commands = [
        ("invoice.create", invoice("INV-3", "ACC-1", "5.00"), applied as fn(&Outcome) -> bool),
        ("invoice.create", invoice("INV-1", "ACC-1", "5.00"), rejected),
        ("invoice.void", void, applied),
    ];
    for (number, (kind, data, ends)) in (10..).zip(commands) {
        let item = direct.command(&format!("c-{number}"), kind, &data);
        let message = item.decoded.expect("decoded");
        let how = (Locks::First, direct.pipeline.clock().now());
        let (expected, _) = decided(&direct, &message, Needs::of([&message]), how).await;
        let (late, missed) = decided(&direct, &message, Needs::default(), how).await;
        assert_eq!(late, expected, "{kind} {data}");
        assert!(ends(&late.outcome), "{:?}", late.outcome);
        assert!(!missed.is_empty(), "{kind}");
    }
    direct.finish().await;
}

fn applied(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Applied { .. })
}

fn rejected(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Rejected(_))
}
