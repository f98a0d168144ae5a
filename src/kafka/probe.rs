//! Watermarks without stopping the poll.
//!
//! `fetch_watermarks` blocks for a round trip, or for its timeout when the broker is away. It runs
//! on a small thread of its own that shares the consumer's client (the call has a queue of its own
//! inside librdkafka and is thread-safe), so neither the poll loop nor a runtime worker waits. The
//! consumer thread stops and joins this thread before it drops the consumer.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::sync::oneshot;

use super::context::Context;
use super::lane::{LaneCancel, Watermarks};

/// One question; it also bounds how long the end of the consumer waits for this thread.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// Between two attempts of one lane.
const RETRY_DELAY: Duration = Duration::from_millis(500);

enum Request {
    Watermarks { topic: Arc<str>, partition: i32, reply: oneshot::Sender<Option<Watermarks>> },
    Stop,
}

/// The lanes' side: cheap to clone.
#[derive(Clone)]
pub(super) struct Probe {
    requests: Sender<Request>,
}

impl Probe {
    pub fn start(consumer: Arc<BaseConsumer<Context>>) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (requests, inbox) = channel();
        let thread = std::thread::Builder::new()
            .name("kafka-probe".to_owned())
            .spawn(move || serve(&consumer, &inbox))?;
        Ok((Self { requests }, thread))
    }

    /// Lanes that outlive a shutdown hold clones, so the thread is stopped by a message.
    pub fn stop(&self) {
        // The thread being gone already is what was asked for.
        let _ = self.requests.send(Request::Stop);
    }

    /// Asks until Kafka answers; `None` when the lane is to stop. There is no way to open a
    /// partition safely without knowing where its log ends.
    pub async fn watermarks(
        &self,
        topic: &Arc<str>,
        partition: i32,
        cancel: &LaneCancel,
    ) -> Option<Watermarks> {
        while !cancel.is_cancelled() {
            let (reply, answer) = oneshot::channel();
            let request = Request::Watermarks { topic: topic.clone(), partition, reply };
            if self.requests.send(request).is_err() {
                return None;
            }
            tokio::select! {
                answer = answer => if let Ok(Some(watermarks)) = answer {
                    return Some(watermarks);
                },
                () = cancel.cancelled() => return None,
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY_DELAY) => {}
                () = cancel.cancelled() => return None,
            }
        }
        None
    }
}

fn serve(consumer: &BaseConsumer<Context>, inbox: &Receiver<Request>) {
    while let Ok(Request::Watermarks { topic, partition, reply }) = inbox.recv() {
        // A cancelled lane must not make those behind it wait for a timeout.
        if reply.is_closed() {
            continue;
        }
        let answer = consumer.fetch_watermarks(&topic, partition, PROBE_TIMEOUT);
        if let Err(error) = &answer {
            tracing::warn!(%topic, partition, %error, "watermarks not available, asking again");
        }
        let watermarks = answer.ok().map(|(low, high)| Watermarks { low, high });
        // The lane may have been cancelled meanwhile; then nobody listens.
        let _ = reply.send(watermarks);
    }
}
