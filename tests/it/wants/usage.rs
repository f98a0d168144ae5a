//! Usage that was not foreseen.

use serde_json::json;
use topup::domain::effect::Outcome;
use topup::store::load::{Locks, Needs};

use crate::harness::Direct;
use crate::harness::records::{account, with};
use crate::usage::{charge, hold, refund, topped_up, usage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_usage_names_is_loaded_late_to_the_same_result() {
    let mut direct = Direct::new("wants_usage").await;
    let limits = json!({ "credit_limits": { "SGD": "5.00" } });
    let item = direct.command("upsert", "account.upsert", &with(account("A"), &limits));
    direct.applied(item).await;
    topped_up(&mut direct, 1, "10.00").await;
    let capture = json!({ "hold_id": "H1" });
    let known = [
        ("charge", charge("U1", "A", "12")),
        ("refund", refund("R1", "U1", "A", "1")),
        ("hold", hold("H1", "A", "2")),
    ];
    for (number, (kind, data)) in (1..).zip(known) {
        let item = usage(&mut direct, &format!("u-{number}"), kind, &data);
        direct.applied(item).await;
    }
    let said = [
        ("charge", charge("U1", "A", "12"), Some(Outcome::Duplicate)),
        ("charge", with(charge("U2", "A", "2"), &capture), None),
        ("refund", refund("R1", "U1", "A", "1"), Some(Outcome::Duplicate)),
        // As much as is left of it, so that lots are given back to.
        ("refund", refund("R2", "U1", "A", "11"), None),
        ("hold", hold("H1", "A", "2"), Some(Outcome::Duplicate)),
        ("release", hold("H1", "A", "1"), None),
    ];
    for (number, (kind, data, ends)) in (10..).zip(said) {
        let message = usage(&mut direct, &format!("u-{number}"), kind, &data);
        let message = message.decoded.expect("decoded");
        let how = (Locks::First, direct.pipeline.clock().now());
        let needs = Needs::of([&message]);
        let (expected, foreseen) = super::decided(&direct, &message, needs, how).await;
        let (late, missed) = super::decided(&direct, &message, Needs::default(), how).await;
        assert_eq!(late, expected, "{kind} {data}");
        match ends {
            Some(ends) => assert_eq!(late.outcome, ends, "{kind} {data}"),
            None => assert!(matches!(late.outcome, Outcome::Applied { .. }), "{:?}", late.outcome),
        }
        assert!(foreseen.is_empty() && !missed.is_empty(), "{foreseen:?} {missed:?}");
    }
    direct.finish().await;
}
