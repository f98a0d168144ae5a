//! What is counted and said of what a lane has written, or could not write yet.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::effect::Ending;
use crate::observe::Counted;
use crate::pipeline::Pipeline;
use crate::pipeline::batch::{Item, Written};
use crate::store::StoreError;
use crate::store::checkpoint::Fence;
use crate::store::persist::RawRecordRow;
use crate::telemetry;

impl Pipeline {
    /// A batch was committed.
    pub(super) fn count(&self, fence: &Fence, items: &[Item], written: &Written, took: Duration) {
        let records = items.iter().zip(&written.ended).map(|(item, ended)| Counted {
            ending: ended.outcome,
            code: ended.code.as_deref(),
            sent: item.raw.timestamp,
        });
        let (decisions, now) = (&written.decisions, self.clock().now());
        self.meters().batch(&fence.topic, records, decisions, took, now);
        let of = |ending: Ending| written.ended.iter().filter(|e| e.outcome == ending).count();
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let (topic, partition) = (&fence.topic, fence.partition);
        let place = |item: Option<&Item>| item.map(|item| item.raw.offset);
        let next = place(items.last()).unwrap_or(-1).saturating_add(1);
        let dead = of(Ending::DeadLettered);
        tracing::info!(
            topic,
            partition,
            first = place(items.first()),
            last = place(items.last()),
            records = items.len(),
            applied = of(Ending::Applied),
            duplicate = of(Ending::Duplicate),
            rejected = of(Ending::Rejected),
            waiting = of(Ending::Waiting),
            reopened = of(Ending::Reopened),
            dead_lettered = dead,
            ms,
            lag = self.meters().lag(topic, partition, next),
            "batch written"
        );
        if dead > 0 {
            self.count_unauthorised(topic, items, written);
            let codes = codes(written);
            tracing::warn!(topic, partition, records = dead, codes, "records became dead letters");
        }
    }

    fn count_unauthorised(&self, topic: &str, items: &[Item], written: &Written) {
        for (item, ended) in items.iter().zip(&written.ended) {
            let failure = item.decoded.as_ref().err().and_then(|f| f.unauthorised.as_ref());
            if let Some(refused) = failure.filter(|_| ended.outcome == Ending::DeadLettered) {
                self.meters().unauthorised(topic, refused.why, 1);
            }
        }
    }

    pub(super) fn count_one(&self, fence: &Fence, raw: &RawRecordRow, ending: Ending, code: &str) {
        let record = Counted { ending, code: Some(code), sent: raw.timestamp };
        self.meters().one(&fence.topic, record, self.clock().now());
    }

    /// An attempt at a batch failed, and is made again.
    pub(super) fn tell_retry(
        &self,
        topic: &str,
        partition: i32,
        error: &StoreError,
        pause: Duration,
    ) {
        self.meters().retry(topic, error.class());
        if self.outage().has("a batch", error) {
            return;
        }
        let error = telemetry::chain(error);
        let retry_in_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(topic, partition, error, retry_in_ms, "batch not written yet");
    }
}

/// The codes of dead letters, each with its number.
fn codes(written: &Written) -> String {
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for ended in written.ended.iter().filter(|ended| ended.outcome == Ending::DeadLettered) {
        let count = codes.entry(ended.code.as_deref().unwrap_or_default()).or_default();
        *count = count.saturating_add(1);
    }
    let told: Vec<String> = codes.iter().map(|(code, count)| format!("{code} {count}")).collect();
    told.join(", ")
}
