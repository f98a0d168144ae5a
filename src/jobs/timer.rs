//! apalis as the clock: ticks of a job, sent on. Its worker dies of a tick that comes late (a
//! suspended machine, a clock that jumped); it is then started again, and the runner looks for
//! what was missed.

use std::time::Duration;

use apalis::prelude::{BoxDynError, Data, WorkerBuilder};
use apalis_cron::{CronScheduler, Schedule, Tick};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use tokio::sync::{mpsc, watch};

use super::Job;
use crate::clock::Clock;
use crate::schedule::Timetable;

const RESTART_AFTER: Duration = Duration::from_secs(1);

/// A tick of a job's schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    pub job: Job,
    pub at: DateTime<Utc>,
}

/// Where the ticks of a job go.
#[derive(Debug, Clone)]
struct Sink {
    job: Job,
    due: mpsc::Sender<Due>,
}

/// The timetable as apalis asks for it: by this machine's clock, as it counts the time to wait.
struct Ticks(Timetable);

impl Schedule<Tz> for Ticks {
    fn next_tick(&mut self, _: &Tz) -> Option<Tick<Tz>> {
        let now = Clock::Shifted(TimeDelta::zero()).now();
        let next = self.0.next_after(now)?;
        Some(Tick::new(u64::try_from(next.timestamp()).ok()?))
    }
}

/// Sends the job's ticks until it is told to stop.
pub(super) async fn run(
    job: Job,
    timetable: Timetable,
    due: mpsc::Sender<Due>,
    mut stop: watch::Receiver<bool>,
) {
    while !*stop.borrow() {
        let clock = CronScheduler::new(Ticks(timetable.clone())).with_timezone(Tz::UTC);
        let worker = WorkerBuilder::new(job.word())
            .backend(clock)
            .data(Sink { job, due: due.clone() })
            .build(on_tick);
        tokio::select! {
            ended = worker.run() => {
                let ended = ended.err();
                tracing::warn!(job = job.word(), ?ended, "the job's clock starts again");
            }
            _ = stop.changed() => return,
        }
        tokio::select! {
            () = tokio::time::sleep(RESTART_AFTER) => {}
            _ = stop.changed() => return,
        }
    }
}

/// Never waits, so that the next tick is not late. A tick for which there is no room is missed,
/// and found as such at the next one.
async fn on_tick(tick: Tick<Tz>, sink: Data<Sink>) -> Result<(), BoxDynError> {
    let seconds = i64::try_from(tick.get_timestamp()).unwrap_or(i64::MAX);
    let Some(at) = DateTime::from_timestamp(seconds, 0) else {
        return Ok(());
    };
    if sink.due.try_send(Due { job: sink.job, at }).is_err() {
        tracing::warn!(job = sink.job.word(), "the runner is behind: a tick is left for later");
    }
    Ok(())
}
