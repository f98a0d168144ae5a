//! What log lines of a batch have in common: where it lies, and whose traces it goes on with.

use tracing::Span;

use crate::pipeline::batch::Item;
use crate::store::checkpoint::Fence;

/// A batch has as many traces as records: of those the first is named, and all are counted.
pub(super) fn of(fence: &Fence, items: &[Item]) -> Span {
    let place = |item: Option<&Item>| item.map(|item| item.raw.offset);
    let traces =
        || items.iter().filter_map(|item| item.decoded.as_ref().ok()?.traceparent.as_deref());
    tracing::info_span!(
        "batch",
        topic = fence.topic,
        partition = fence.partition,
        first = place(items.first()),
        last = place(items.last()),
        traceparent = traces().next(),
        traced = traces().count(),
    )
}
