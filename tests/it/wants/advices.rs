//! Advices that were not foreseen.

use serde_json::json;
use topup::domain::effect::Outcome;
use topup::domain::input::Message;
use topup::store::load::{Locks, Needs};

use crate::advices::{advice, lines, money, sent, told};
use crate::harness::Direct;
use crate::harness::records::with;

/// Decides the message on what is foreseen, and on nothing: to the same outcome.
async fn late_as_foreseen(direct: &Direct, message: &Message, locks: &[Locks]) -> Outcome {
    let mut outcome = Outcome::Duplicate;
    for locks in locks {
        let how = (*locks, direct.pipeline.clock().now());
        let (expected, _) = super::decided(direct, message, Needs::of([message]), how).await;
        let (late, missed) = super::decided(direct, message, Needs::default(), how).await;
        assert_eq!(late, expected, "{locks:?} {message:?}");
        assert!(!missed.is_empty(), "{message:?}");
        outcome = late.outcome;
    }
    outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_advice_says_is_loaded_late_to_the_same_result() {
    let mut direct = Direct::new("wants_advices").await;
    sent(&mut direct, "I1", "A", "60.00").await;
    let first = told("ADV-1", "60.00", &lines(&[("I1", "60.00")]));
    let item = advice(&mut direct, "a-1", &first);
    direct.applied(item).await;
    let both = [Locks::First, Locks::Last];
    let message = money(&mut direct, "T1", "60.00").decoded.expect("decoded");
    let outcome = late_as_foreseen(&direct, &message, &both).await;
    assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
    let message = advice(&mut direct, "a-2", &first).decoded.expect("decoded");
    assert_eq!(late_as_foreseen(&direct, &message, &both[..1]).await, Outcome::Duplicate);
    let other = with(first.clone(), &json!({ "payer_account": "NL55 BANK 0420 4171 99" }));
    let message = advice(&mut direct, "a-3", &other).decoded.expect("decoded");
    let outcome = late_as_foreseen(&direct, &message, &both[..1]).await;
    assert!(matches!(outcome, Outcome::DeadLettered(_)), "{outcome:?}");
    // Its money is here already, and waits for a person.
    let item = money(&mut direct, "T2", "75.00");
    direct.applied(item).await;
    sent(&mut direct, "I2", "A", "40.00").await;
    sent(&mut direct, "I3", "A", "35.00").await;
    let of_two = told("ADV-5", "75.00", &lines(&[("I2", "40.00"), ("I3", "35.00")]));
    let message = advice(&mut direct, "a-5", &of_two).decoded.expect("decoded");
    let outcome = late_as_foreseen(&direct, &message, &both[..1]).await;
    assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
    // The invoice does not take the money of both.
    let again = with(first, &json!({ "advice_id": "ADV-2" }));
    let message = advice(&mut direct, "a-4", &again).decoded.expect("decoded");
    let outcome = late_as_foreseen(&direct, &message, &both[..1]).await;
    assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
    direct.finish().await;
}
