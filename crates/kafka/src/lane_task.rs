//! One run of a lane: the log's ends, `open`, then batch after batch until it is cancelled, fenced
//! or held. It tells the consumer thread about each step by an event and never touches the
//! consumer.
//!
//! Offsets that are left out are proved before the batch is processed: the log must still begin
//! at or below them (else they were deleted unread), and after an error of the client each is read
//! again, because a batch that is corrupt is passed over by librdkafka with an error that names no
//! partition. From time to time, and soon after an error, the handler compares the log with what it
//! knows of it; and records that lie there and do not come are looked for.
//!
//! A run ends by an `Ended` event in every case, also when the handler panics: a rebalance and a
//! shutdown count on it.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use super::lane::{BatchHandler, Checked, LaneCancel, Opened, Processed};
use super::log::LogSilence;
use super::probe::Probe;
use super::queue::LaneQueue;
use super::record::Record;
use super::trouble::{HeldAs, Trouble};

/// Numbers the runs of all lanes, so that an event of a run that was given up is recognised.
pub(super) type RunId = u64;

#[derive(Debug)]
pub(super) struct LaneEvent {
    pub topic: Arc<str>,
    pub partition: i32,
    pub run: RunId,
    pub news: LaneNews,
}

#[derive(Debug)]
pub(super) enum LaneNews {
    Opened {
        next_offset: i64,
    },
    /// `next_offset` is committed in the database; `dropped` records were known there already.
    Committed {
        next_offset: i64,
    },
    Dropped {
        records: u64,
    },
    Ended(LaneEnd),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LaneEnd {
    Cancelled,
    Held {
        held_as: HeldAs,
        reason: String,
    },
    /// The lane has to be opened anew; what was queued is read again.
    Reopen {
        why: String,
    },
    /// The task was dropped or panicked. A bug: the process has to end.
    Died,
}

impl LaneEnd {
    fn reopen(why: impl Into<String>) -> Self {
        Self::Reopen { why: why.into() }
    }
}

impl From<LogSilence> for LaneEnd {
    fn from(silence: LogSilence) -> Self {
        match silence {
            LogSilence::Cancelled => Self::Cancelled,
            LogSilence::Trouble(Trouble { held_as, reason }) => Self::Held { held_as, reason },
        }
    }
}

/// What one run needs.
pub(super) struct LaneRun<H> {
    pub handler: Arc<H>,
    pub topic: Arc<str>,
    pub partition: i32,
    pub queue: Arc<LaneQueue>,
    pub cancel: LaneCancel,
    pub probe: Probe,
    pub check_every: Duration,
    /// The last run ended in trouble: whether records can be read is tried before they flow.
    pub careful: bool,
    pub reporter: Reporter,
}

/// Sends the events of one run; the last one is sent on drop, whatever happened.
pub(super) struct Reporter {
    pub topic: Arc<str>,
    pub partition: i32,
    pub run: RunId,
    pub events: Sender<LaneEvent>,
    pub end: LaneEnd,
}

impl Reporter {
    fn tell(&self, news: LaneNews) {
        // The consumer thread may be gone after a shutdown that ran out of time.
        let _ = self.events.send(LaneEvent {
            topic: self.topic.clone(),
            partition: self.partition,
            run: self.run,
            news,
        });
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        let end = std::mem::replace(&mut self.end, LaneEnd::Died);
        self.tell(LaneNews::Ended(end));
    }
}

pub(super) async fn run<H: BatchHandler>(mut lane_run: LaneRun<H>) {
    let end = drive(&lane_run).await;
    lane_run.reporter.end = end;
}

async fn drive<H: BatchHandler>(run: &LaneRun<H>) -> LaneEnd {
    match opened(run).await {
        Ok((lane, next, errors)) => {
            run.reporter.tell(LaneNews::Opened { next_offset: next });
            let now = Instant::now();
            let (checked, looked) = (now, now);
            let (came, waited) = (true, false);
            let work =
                Work { run, lane, next, errors, checked, looked, seen: errors, came, waited };
            work.go().await
        }
        Err(end) => end,
    }
}

/// The lane, where it begins, and the errors of the client before that.
async fn opened<H: BatchHandler>(run: &LaneRun<H>) -> Result<(H::Lane, i64, u64), LaneEnd> {
    let (topic, partition, cancel) = (&run.topic, run.partition, &run.cancel);
    let errors = run.probe.errors();
    let log = run.probe.log(topic, partition, cancel).await?;
    let opened = run.handler.open(topic.clone(), partition, log.clone(), cancel.clone()).await;
    let (lane, next) = match opened {
        Opened::Ready { lane, next_offset } => (lane, next_offset.unwrap_or(log.low)),
        Opened::Hold { held_as, reason } => return Err(LaneEnd::Held { held_as, reason }),
        Opened::Cancelled => return Err(LaneEnd::Cancelled),
    };
    if run.careful {
        // Also where nothing is to be read yet: we may be refused.
        log.first_from(next).await?;
    }
    Ok((lane, next, errors))
}

/// A lane that is open.
struct Work<'a, H: BatchHandler> {
    run: &'a LaneRun<H>,
    lane: H::Lane,
    /// The offset that comes next.
    next: i64,
    /// The client's errors when the lane was opened.
    errors: u64,
    checked: Instant,
    /// When errors were last looked at.
    looked: Instant,
    /// The client's errors at the last check.
    seen: u64,
    /// Whether a record came since the last check.
    came: bool,
    /// Whether there were records at the last check that had not come.
    waited: bool,
}

/// Between two looks at whether the client had an error.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl<H: BatchHandler> Work<'_, H> {
    async fn go(mut self) -> LaneEnd {
        match self.work().await {
            Ok(()) => LaneEnd::Cancelled,
            Err(end) => end,
        }
    }

    async fn work(&mut self) -> Result<(), LaneEnd> {
        let mut last_done: Option<Instant> = None;
        loop {
            if self.check_is_due() {
                self.check().await?;
            }
            let rest = LOOK_EVERY.min(self.run.check_every);
            // Nothing of the queue is taken before the last await of this future.
            let next = self.run.queue.next_batch(&self.run.cancel, last_done);
            let Ok(next) = tokio::time::timeout(rest, next).await else {
                continue;
            };
            let Some(batch) = next else {
                return Ok(());
            };
            self.came = true;
            if let Some(done) = self.process(batch).await? {
                last_done = Some(done);
            }
        }
    }

    async fn process(&mut self, mut batch: Vec<Record>) -> Result<Option<Instant>, LaneEnd> {
        let run = self.run;
        let taken = batch.len();
        batch.retain(|record| record.offset >= self.next);
        if batch.len() < taken {
            let records = (taken - batch.len()) as u64;
            run.reporter.tell(LaneNews::Dropped { records });
        }
        let Some(last) = batch.last().map(|record| record.offset) else {
            return Ok(None);
        };
        self.prove(&batch).await?;
        match run.handler.process(&mut self.lane, batch, &run.cancel).await {
            Processed::Committed { next_offset } if next_offset > last => {
                self.next = next_offset;
                run.reporter.tell(LaneNews::Committed { next_offset });
            }
            // Going on would skip the rest of the batch; a new open reads it again.
            Processed::Committed { .. } => {
                return Err(LaneEnd::reopen("committed less than its batch"));
            }
            Processed::Fenced => return Err(LaneEnd::reopen("fenced")),
            Processed::Cancelled => return Err(LaneEnd::Cancelled),
        }
        Ok(Some(Instant::now()))
    }

    /// Offsets that the batch leaves out must be no records.
    async fn prove(&mut self, batch: &[Record]) -> Result<(), LaneEnd> {
        let gaps = gaps(self.next, batch);
        let Some((first, _)) = gaps.first() else {
            return Ok(());
        };
        let run = self.run;
        let log = run.probe.log(&run.topic, run.partition, &run.cancel).await?;
        if log.low > *first {
            return Err(LaneEnd::reopen("records were deleted before they were read"));
        }
        if run.probe.errors() == self.errors {
            return Ok(());
        }
        for (from, to) in &gaps {
            let found = log.first_from(*from).await?.map(|record| record.offset);
            if found != Some(*to) {
                return Err(LaneEnd::reopen("records were passed over"));
            }
        }
        Ok(())
    }

    fn check_is_due(&mut self) -> bool {
        if self.checked.elapsed() >= self.run.check_every {
            return true;
        }
        let look = self.looked.elapsed() >= LOOK_EVERY;
        if look {
            self.looked = Instant::now();
        }
        look && self.run.probe.errors() != self.seen && self.checked.elapsed() >= LOOK_EVERY
    }

    async fn check(&mut self) -> Result<(), LaneEnd> {
        let run = self.run;
        self.checked = Instant::now();
        let errors = run.probe.errors();
        let failed = std::mem::replace(&mut self.seen, errors) != errors;
        // Brokers that are away tell nothing of the log: the next check asks again.
        let Some(log) = run.probe.log_now(&run.topic, run.partition, &run.cancel).await else {
            return Ok(());
        };
        let log = log?;
        match run.handler.check(&mut self.lane, &log).await {
            Checked::Sound => {}
            Checked::Changed { why } => return Err(LaneEnd::Reopen { why }),
            Checked::Hold { held_as, reason } => return Err(LaneEnd::Held { held_as, reason }),
            Checked::Cancelled => return Err(LaneEnd::Cancelled),
        }
        let silent = !std::mem::take(&mut self.came) && run.queue.depth().0 == 0;
        // An error may be that we may not read here, also where nothing waits to be read.
        let look = silent && (failed || self.next < log.high);
        let waits = look && log.first_from(self.next).await?.is_some();
        // One that has just been written is on its way.
        if waits && self.waited && run.queue.depth().0 == 0 {
            return Err(LaneEnd::reopen("records are there and do not come"));
        }
        self.waited = waits;
        Ok(())
    }
}

/// The offsets that are left out, from and to: `to` is a record of the batch.
fn gaps(mut next: i64, batch: &[Record]) -> Vec<(i64, i64)> {
    let mut gaps = Vec::new();
    for record in batch {
        if record.offset > next {
            gaps.push((next, record.offset));
        }
        next = record.offset.saturating_add(1);
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_of_offsets_that_is_left_out_is_a_gap() {
        let batch = |offsets: &[i64]| {
            let record = |offset: &i64| Record {
                topic: "t".into(),
                partition: 0,
                offset: *offset,
                timestamp_ms: None,
                key: None,
                value: None,
                headers: Vec::new(),
            };
            offsets.iter().map(record).collect::<Vec<Record>>()
        };
        assert_eq!(gaps(5, &batch(&[5, 6, 7])), []);
        assert_eq!(gaps(5, &batch(&[7, 8, 10])), [(5, 7), (9, 10)]);
        assert_eq!(gaps(5, &[]), []);
    }
}
