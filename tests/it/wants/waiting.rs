//! What waits, and what is decided again, where that was not foreseen.

use serde_json::json;
use topup::domain::effect::{Need, Outcome};
use topup::domain::ids::PaymentId;
use topup::domain::input::{Input, Message};
use topup::domain::want::Want;
use topup::store::load::{Locks, Needs};
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{
    BANK, about_invoice, account, bank, credit_saying, draft, invoice, with,
};

async fn late_as_foreseen(direct: &Direct, message: &Message) -> Outcome {
    let how = (Locks::First, direct.pipeline.clock().now());
    let (expected, foreseen) = super::decided(direct, message, Needs::of([message]), how).await;
    let (late, missed) = super::decided(direct, message, Needs::default(), how).await;
    assert_eq!(late, expected, "{message:?}");
    assert!(missed.len() > foreseen.len(), "{foreseen:?} {missed:?}");
    late.outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_loaded_late_to_the_same_result() {
    let mut direct = Direct::new("wants_waiting").await;
    let item = direct.command("c-1", "account.upsert", &account("ACC-1"));
    direct.applied(item).await;
    let void = about_invoice("INV-9", "ACC-1");
    let first = direct.command("w-1", "invoice.void", &void);
    let record = first.decoded.as_ref().expect("decoded").record.clone();
    direct.run(&[first]).await;
    let message = direct.command("w-2", "invoice.void", &void).decoded.expect("decoded");
    let outcome = late_as_foreseen(&direct, &message).await;
    assert_eq!(outcome, Outcome::Waiting(Need::Behind(record)));
    let cancel = json!({ "account_id": "ACC-1", "command_source": "crm", "command_id": "w-1",
        "reason": "wrong" });
    let message = direct.command("x-1", "command.cancel", &cancel).decoded.expect("decoded");
    let outcome = late_as_foreseen(&direct, &message).await;
    assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_decided_again_late_to_the_same_result() {
    let mut direct = Direct::new("wants_again").await;
    let value = bank("m-1", &credit_saying("T-1", "70.00", "thanks"));
    let item = direct.item(Topic::BankPayments, Some(BANK), value.as_bytes());
    let like = item.decoded.as_ref().expect("decoded").clone();
    direct.applied(item).await;
    let payment_id = PaymentId::trusted(&format!("BANK:{BANK}:T-1"));
    let message = Message { input: Input::Rematch(payment_id), tokens: None, ..like };
    let outcome = late_as_foreseen(&direct, &message).await;
    assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
    direct.finish().await;
}

/// What is sent is decided in one pass as far as watchers, balances and queues go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_watches_for_what_is_sent_is_foreseen() {
    let mut direct = Direct::new("wants_sent").await;
    let given = json!({ "references": ["SO/2026/10045", "RF18539007547034"] });
    let item = direct.command("c-1", "invoice.create", &with(draft("D-1", "A", "9.00"), &given));
    direct.applied(item).await;
    let value = bank("m-1", &credit_saying("T-1", "9.00", "SO/2026/10045"));
    let item = direct.item(Topic::BankPayments, Some(BANK), value.as_bytes());
    direct.applied(item).await;
    let other = json!({ "references": ["SO/2026/10046", "RF712348231"] });
    let sent = [
        ("invoice.create", with(invoice("I-2", "A", "5.00"), &other)),
        ("invoice.mark-sent", about_invoice("D-1", "A")),
    ];
    for (number, (kind, data)) in (2..).zip(sent) {
        let item = direct.command(&format!("c-{number}"), kind, &data);
        let message = item.decoded.expect("decoded");
        let how = (Locks::First, direct.pipeline.clock().now());
        let needs = Needs::of([&message]);
        let (decided, more) = super::decided(&direct, &message, needs, how).await;
        assert!(matches!(decided.outcome, Outcome::Applied { .. }), "{decided:?}");
        let is_of_this = |want: &&Want| {
            matches!(
                want,
                Want::Watchers(_)
                    | Want::Holders(..)
                    | Want::Queue(_)
                    | Want::Balances(_)
                    | Want::BankRecord(_)
                    | Want::Suggested(_)
                    | Want::AdviceOf(_)
                    | Want::Fitting(..)
            )
        };
        let unforeseen = more.iter().filter(is_of_this);
        assert_eq!(unforeseen.count(), 0, "{more:?}");
    }
    direct.finish().await;
}
