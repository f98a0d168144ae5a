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
use crate::harness::records::{
    about_payment, account, allocate, bank, credit, credit_saying, invoice, payment as payment_of,
    with,
};

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

/// The payments that commands name are foreseen, and are loaded late to the same result.
#[tokio::test]
async fn payments_that_commands_name_are_loaded_late_to_the_same_result() {
    let mut direct = Direct::new("wants_payments").await;
    let steps = [
        ("account.upsert", account("ACC-1")),
        ("account.upsert", account("ACC-2")),
        ("invoice.create", invoice("INV-1", "ACC-1", "100.00")),
        ("invoice.create", invoice("INV-2", "ACC-1", "100.00")),
        ("payment.record", payment_of("PAY-1", "ACC-1", "150.00")),
        ("payment.record", payment_of("PAY-2", "ACC-1", "60.00")),
        ("payment.allocate", allocate("PAY-1", "ACC-1", "INV-1")),
    ];
    for (number, (kind, data)) in (1..).zip(steps) {
        let item: Item = direct.command(&format!("c-{number}"), kind, &data);
        direct.applied(item).await;
    }
    let share = |owner: &str, amount: &str| json!({ "account_id": owner, "amount": amount });
    let shares = [share("ACC-1", "20"), share("ACC-2", "5")];
    let shares = with(about_payment("PAY-2", "ACC-1"), &json!({ "parts": shares }));
    let commands = [
        ("payment.record", payment_of("PAY-3", "ACC-1", "5.00"), applied as fn(&Outcome) -> bool),
        ("payment.record", payment_of("PAY-1", "ACC-1", "5.00"), rejected),
        ("payment.allocate", allocate("PAY-1", "ACC-1", "INV-2"), applied),
        ("payment.allocate", allocate("PAY-2", "ACC-2", "INV-2"), rejected),
        ("payment.split", shares, applied),
        ("payment.remove", about_payment("PAY-2", "ACC-1"), applied),
    ];
    for (number, (kind, data, ends)) in (20..).zip(commands) {
        let item = direct.command(&format!("c-{number}"), kind, &data);
        let message = item.decoded.expect("decoded");
        let how = (Locks::First, direct.pipeline.clock().now());
        let (expected, foreseen) = decided(&direct, &message, Needs::of([&message]), how).await;
        assert!(!foreseen.iter().any(is_of_payments), "{kind}: {foreseen:?}");
        let (late, missed) = decided(&direct, &message, Needs::default(), how).await;
        assert_eq!(late, expected, "{kind} {data}");
        assert!(ends(&late.outcome), "{:?}", late.outcome);
        assert!(missed.iter().any(is_of_payments), "{kind}: {missed:?}");
    }
    direct.finish().await;
}

/// What returns mean is foreseen too, and what they undo.
#[tokio::test]
async fn what_returns_mean_is_loaded_late_to_the_same_result() {
    let mut direct = Direct::new("wants_returns").await;
    let steps = [
        ("account.upsert", account("ACC-1")),
        ("invoice.create", invoice("INV-1", "ACC-1", "100.00")),
    ];
    for (number, (kind, data)) in (1..).zip(steps) {
        let item: Item = direct.command(&format!("c-{number}"), kind, &data);
        direct.applied(item).await;
    }
    let back = |id: &str, of: &str, credit_debit: &str| {
        let of = json!({ "bank_transaction_id": of, "reason": "AC04" });
        let fields = json!({ "credit_debit": credit_debit, "reversal": true, "return_of": of });
        with(credit(id, "100.00"), &fields)
    };
    // Of money that is there, and of money that never came; then the bank undoes both.
    let banks = [
        (credit_saying("T-1", "100.00", "Topup INV-1"), false),
        (back("R-1", "T-1", "DBIT"), true),
        (back("R-2", "T-2", "DBIT"), true),
        (back("R-3", "R-1", "CRDT"), true),
        (back("R-4", "R-2", "CRDT"), true),
        (back("R-5", "T-1", "DBIT"), true),
    ];
    for (number, (data, is_step_back)) in (1..).zip(banks) {
        let id = format!("b-{number}");
        let message = payment(&mut direct, &id, &data);
        let how = (Locks::First, direct.pipeline.clock().now());
        if is_step_back {
            let (expected, foreseen) = decided(&direct, &message, Needs::of([&message]), how).await;
            assert!(!foreseen.iter().any(is_of_returns), "{data}: {foreseen:?}");
            let (late, missed) = decided(&direct, &message, Needs::default(), how).await;
            assert_eq!(late, expected, "{data}");
            assert!(missed.iter().any(is_of_returns), "{data}: {missed:?}");
        }
        let item = direct.item(Topic::BankPayments, None, bank(&id, &data).as_bytes());
        direct.applied(item).await;
    }
    // A person ends the one that waits.
    let end = json!({
        "account_id": "ACC-1", "bank_account": "SG-DBS-001", "bank_key": "reversal:R-2",
        "action": "end", "reason": "a charge of the bank",
    });
    let item = direct.command("c-9", "return.resolve", &end);
    let message = item.decoded.expect("decoded");
    let how = (Locks::First, direct.pipeline.clock().now());
    let (expected, foreseen) = decided(&direct, &message, Needs::of([&message]), how).await;
    assert!(!foreseen.iter().any(is_of_returns), "{foreseen:?}");
    let (late, missed) = decided(&direct, &message, Needs::default(), how).await;
    assert_eq!(late, expected);
    assert!(applied(&late.outcome) && missed.iter().any(is_of_returns), "{missed:?}");
    direct.finish().await;
}

/// So is what a record may be again, and what announced it.
#[tokio::test]
async fn what_may_be_told_twice_is_loaded_late_to_the_same_result() {
    let mut direct = Direct::new("wants_told").await;
    let item: Item = direct.command("c-1", "account.upsert", &account("ACC-1"));
    direct.applied(item).await;
    let paid = |id: &str, amount: &str, more: serde_json::Value| {
        let payer = json!({ "debtor": { "account": "072-000-1234" } });
        with(with(credit(id, amount), &payer), &more)
    };
    let (nameless, plain) = (json!({ "bank_transaction_id": null }), json!({}));
    let pending = json!({ "status": "PDNG" });
    let back = |id: &str, more: &serde_json::Value| {
        let of = json!({ "bank_transaction_id": "T-1", "reason": "AC04" });
        let fields = json!({ "credit_debit": "DBIT", "reversal": true, "return_of": of });
        with(with(credit(id, "50.00"), &fields), more)
    };
    let banks = [
        paid("T-1", "50.00", plain.clone()),
        paid("T-1n", "50.00", nameless.clone()),
        paid("T-2", "50.00", plain.clone()),
        paid("P-1", "60.00", pending.clone()),
        paid("T-3", "60.00", plain.clone()),
        paid("T-4", "61.00", plain.clone()),
        paid("P-2", "61.00", pending),
        back("R-1", &plain),
        back("R-1n", &nameless),
    ];
    for (number, data) in (1..).zip(banks) {
        let id = format!("b-{number}");
        let message = payment(&mut direct, &id, &data);
        let how = (Locks::First, direct.pipeline.clock().now());
        let (expected, foreseen) = decided(&direct, &message, Needs::of([&message]), how).await;
        assert!(!foreseen.iter().any(is_told), "{data}: {foreseen:?}");
        let (late, missed) = decided(&direct, &message, Needs::default(), how).await;
        assert_eq!(late, expected, "{data}");
        assert!(missed.iter().any(is_told), "{data}: {missed:?}");
        let item = direct.item(Topic::BankPayments, None, bank(&id, &data).as_bytes());
        direct.applied(item).await;
    }
    let sql = "SELECT string_agg(reason, ' ' ORDER BY payment_id) FROM payments";
    let reasons = direct.database.value(sql).await;
    assert_eq!(reasons.matches("possible_duplicate").count(), 1, "{reasons}");
    let sql = "SELECT count(*) FROM bank_transactions WHERE disposition = 'superseded'";
    assert_eq!(direct.database.value(sql).await, "2");
    direct.finish().await;
}

fn is_told(want: &Want) -> bool {
    matches!(
        want,
        Want::Announced(..)
            | Want::BookedAlready(..)
            | Want::WithoutId(..)
            | Want::WithId(..)
            | Want::ToldSteps(..)
    )
}

fn is_of_returns(want: &Want) -> bool {
    matches!(
        want,
        Want::Original(_)
            | Want::ToldTwice(_)
            | Want::Returned(..)
            | Want::ReturnsOf(_)
            | Want::Parked(_)
    ) || is_of_payments(want)
}

fn is_of_payments(want: &Want) -> bool {
    matches!(want, Want::Payment(_) | Want::Taken(_) | Want::Whole(_))
}

fn applied(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Applied { .. })
}

fn rejected(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Rejected(_))
}
