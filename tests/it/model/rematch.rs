//! The job that decides again: what was sent while the payment's customer was not locked leaves it
//! as it was, until the job looks at it.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use topup::domain::ids::{MessageId, PaymentId, RecordId, Source};
use topup::domain::input::{Input, Message};
use topup::domain::model::Model;
use topup::pipeline::batch::Item;
use topup::store::persist::RawRecordRow;

use crate::harness::Direct;

/// Decides every payment again, on both sides, each in a batch of its own.
pub async fn all(direct: &Direct, model: &mut Model, now: DateTime<Utc>) {
    let mut ids: Vec<PaymentId> = model.set.payments_here().keys().cloned().collect();
    ids.sort();
    for id in ids {
        let message = wish(&id, now);
        model.feed(&message, now);
        let raw = RawRecordRow {
            topic: direct.pipeline.settings().topics.bank_payments.clone(),
            partition: -1,
            offset: 0,
            timestamp: Some(now),
            key: None,
            value: None,
            headers: "[]".to_owned(),
        };
        let item = Item { raw, decoded: Ok(message), again: false };
        super::process(direct, &[item], now).await;
    }
}

fn wish(id: &PaymentId, now: DateTime<Utc>) -> Message {
    let hash: [u8; 32] = Sha256::digest(id.as_str().as_bytes()).into();
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Message {
        record: RecordId {
            source: Source::trusted("topup-jobs"),
            id: MessageId::trusted(&format!("rematch:{hex}")),
        },
        time: now,
        traceparent: None,
        content_hash: hash,
        bank_hash: hash,
        tokens: None,
        waited: None,
        input: Input::Rematch(id.clone()),
    }
}
