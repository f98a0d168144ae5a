//! Time passes: what waits comes to its deadline, and holds that nobody ended expire.

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use topup::domain::ids::{MessageId, RecordId, Source};
use topup::domain::input::{Command, Input, Message};
use topup::domain::model::Model;
use topup::domain::usage::{Hold, HoldAmount, HoldState, Usage};

use super::coverage::Coverage;
use crate::harness::Direct;

/// Longer than the harness lets a command wait, or a hold live.
const LONG: i64 = 3_700;

/// The model ends all that waits at once; the service tries each a last time, and that may end
/// another way where it stood behind another, where its refund's id was taken meanwhile, or where a
/// hold of the customer expires, which the service does first.
pub fn may_pass(model: &Model) -> bool {
    let held = |message: &Message| {
        let live = |hold: &Hold| {
            let owner = Some(&hold.account_id);
            let of = |command: &Command| command.account_id() == owner;
            hold.state == HoldState::Live
                && matches!(&message.input, Input::Command(command) if of(command))
        };
        model.set.usage.holds_here().values().any(live)
    };
    let taken = |message: &Message| match &message.input {
        Input::Usage(Usage::Refund(refund)) => {
            let key = (refund.account_id.clone(), refund.refund_id.clone());
            model.set.refund(&key).is_some()
        }
        _ => false,
    };
    model
        .waiting
        .values()
        .all(|queue| queue.len() == 1 && !queue.iter().any(|one| taken(one) || held(one)))
}

pub async fn pass(direct: &Direct, model: &mut Model, now: DateTime<Utc>, coverage: &mut Coverage) {
    let then = now + TimeDelta::days(LONG);
    model.expire(then);
    model.retry_returns(then);
    let live = model.set.usage.holds_here().values().filter(|hold| hold.state == HoldState::Live);
    let due: Vec<HoldAmount> = live
        .map(|hold| HoldAmount {
            hold_id: hold.hold_id.clone(),
            account_id: hold.account_id.clone(),
            amount: hold.amount,
        })
        .collect();
    for hold in due {
        let message = expiry(hold, then);
        let outcome = model.feed(&message, then);
        coverage.record(&message, &outcome, &model.last_effects);
    }
    direct.at(then).sweep().await.expect("swept");
}

/// The record that a sweep makes of a hold that has come to its age.
fn expiry(hold: HoldAmount, at: DateTime<Utc>) -> Message {
    let named = format!("expire:{}/{}", hold.account_id, hold.hold_id);
    let content_hash: [u8; 32] = Sha256::digest(named.as_bytes()).into();
    let hex: String = content_hash.iter().take(24).map(|b| format!("{b:02x}")).collect();
    Message {
        record: RecordId {
            source: Source::trusted("topup.holds"),
            id: MessageId::trusted(&format!("expire:{hex}")),
        },
        time: at,
        traceparent: None,
        content_hash,
        bank_hash: content_hash,
        tokens: None,
        waited: None,
        input: Input::Usage(Usage::ExpireHold(hold)),
    }
}
