//! Where a log begins and ends, each asked for by itself.
//!
//! The client's own question for both (`fetch_watermarks`) is two, and when one of them is refused
//! it gives the other's answer for both: a log of a hundred records then seems to begin at its end,
//! and all of them would be passed over.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

/// The first offset of a log and the one after its last.
///
/// # Errors
/// What either of the two questions was answered with.
pub(super) fn ends<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
    timeout: Duration,
) -> KafkaResult<(i64, i64)> {
    let deadline = Instant::now() + timeout;
    let one = |end: Offset| {
        let mut asked = TopicPartitionList::with_capacity(1);
        asked.add_partition_offset(topic, partition, end)?;
        let left = deadline.saturating_duration_since(Instant::now());
        let answered = consumer.offsets_for_times(asked, left)?;
        let element = answered.find_partition(topic, partition);
        let element = element.ok_or(KafkaError::OffsetFetch(RDKafkaErrorCode::NoOffset))?;
        element.error()?;
        match element.offset() {
            Offset::Offset(offset) => Ok(offset),
            _ => Err(KafkaError::OffsetFetch(RDKafkaErrorCode::NoOffset)),
        }
    };
    // The end last: what is written meanwhile makes the log longer, and never begin behind it.
    let low = one(Offset::Beginning)?;
    Ok((low, one(Offset::End)?.max(low)))
}
