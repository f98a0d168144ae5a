//! What a job has in hand while it runs: its settings, its run, and the steps by which it keeps it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use super::Job;
use crate::pipeline::Pipeline;
use crate::schedule::{Calendar, Timetable};
use crate::store::PgPool;
use crate::store::jobs::{self, JobRun};
use crate::store::{StoreError, Tx};

/// How long things that guard no money are kept, in days.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    pub events_days: i64,
    pub records_days: i64,
    pub runs_days: i64,
    /// 0: for ever.
    pub texts_days: i64,
    pub usage_days: i64,
}

#[derive(Debug, Clone)]
pub struct JobSettings {
    /// Names this process in the runs.
    pub owner: String,
    /// A run that gives no sign of life for so long is taken over.
    pub lease: Duration,
    pub keep: Keep,
    pub calendar: Calendar,
    /// For accounts that say nothing else.
    pub stale_after_days: u16,
    /// The jobs that run by themselves.
    pub timetables: Vec<(Job, Timetable)>,
}

impl JobSettings {
    pub(super) fn lease_until(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now + self.lease
    }
}

/// What a run found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobReport {
    pub findings: u64,
    pub summary: String,
}

/// What a job may use while it runs.
pub(super) struct Work<'a> {
    pub pipeline: &'a Pipeline,
    pub settings: &'a JobSettings,
    pub run: &'a JobRun,
    pub stop: &'a watch::Receiver<bool>,
    /// Somebody took the run over.
    pub lost: &'a AtomicBool,
}

impl Work<'_> {
    pub(super) fn pool(&self) -> &PgPool {
        self.pipeline.pool()
    }

    pub(super) fn pipeline(&self) -> &Pipeline {
        self.pipeline
    }

    pub(super) fn settings(&self) -> &JobSettings {
        self.settings
    }

    pub(super) fn as_of(&self) -> DateTime<Utc> {
        self.run.as_of
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.pipeline.clock().now()
    }

    /// Where an earlier runner of this tick was.
    pub(super) fn progress(&self) -> Option<String> {
        self.run.progress.clone()
    }

    /// Whether the job should end at the next place where it can go on later.
    pub(super) fn must_stop(&self) -> bool {
        *self.stop.borrow() || self.lost.load(Ordering::Relaxed)
    }

    /// Begins a step of its own transaction: a runner that was taken over writes no more.
    pub(super) async fn step_in_tx(
        &self,
        tx: &mut Tx<'_>,
        progress: Option<&str>,
    ) -> Result<(), StoreError> {
        jobs::renew_in_tx(tx, self.run, self.settings.lease_until(self.now()), progress).await
    }

    /// Notes how far the run is, where its steps did not.
    pub(super) async fn step_to(&self, progress: &str) -> Result<(), StoreError> {
        let mut tx = self.pool().begin().await?;
        self.step_in_tx(&mut tx, Some(progress)).await?;
        Ok(tx.commit().await?)
    }

    /// The same between steps that have transactions elsewhere.
    pub(super) async fn step(&self) -> Result<(), StoreError> {
        jobs::renew(self.pool(), self.run, self.settings.lease_until(self.now())).await
    }
}
