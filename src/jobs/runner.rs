//! Who runs a tick, and the run itself: claim, heartbeat, steps, end; take-over of what was cut
//! off. Replicas share nothing but the tables.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::compare::FROM_THE_START;
use super::timer::{self, Due};
use super::work::{JobReport, JobSettings, Work};
use super::{Job, Misfire, audit, expire_waiting, flag_void_candidates, prune, reconcile, rematch};
use crate::pipeline::Pipeline;
use crate::store::StoreError;
use crate::store::jobs::{self, Claim, Claimed, Ending, JobRun};
use crate::telemetry;

/// Ticks that wait for the runner; it only spawns, so one would do.
const DUE_MAX: usize = 64;
/// How often runs are looked for whose runner died.
const TAKE_OVER_EVERY: Duration = Duration::from_secs(2);

/// A tick comes at its instant: by so little may a clock that was set meanwhile be behind it.
const AHEAD_MAX: TimeDelta = TimeDelta::seconds(1);

/// How a claim or a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEnded {
    Done(JobReport),
    /// The sentence says why; the chain is in the log.
    Failed(String),
    /// Told to stop: the next runner goes on where this one was.
    Stopped,
    /// Somebody took it over, because this process gave no sign of life.
    Lost,
    /// Another run of the job goes on.
    Busy,
    /// Somebody else has this tick.
    Taken,
    Paused,
    /// The instant that it would decide for has not come: nothing was claimed, nothing done.
    NotYet,
}

impl JobEnded {
    /// As it is counted.
    fn word(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::Failed(_) => "failed",
            Self::Stopped => "stopped",
            Self::Lost => "lost",
            Self::Busy | Self::Taken | Self::Paused | Self::NotYet => "not_run",
        }
    }
}

/// Runs jobs of one process.
#[derive(Debug)]
pub struct Runner {
    pipeline: Pipeline,
    settings: JobSettings,
    stop: watch::Receiver<bool>,
    executed: AtomicU64,
    /// One look at a time: a database that hangs must not gather looks that wait for it.
    looking: AtomicBool,
}

impl Runner {
    pub fn new(pipeline: Pipeline, settings: JobSettings, stop: watch::Receiver<bool>) -> Self {
        let (executed, looking) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { pipeline, settings, stop, executed, looking }
    }

    /// Runs that this process has begun, taken over ones included.
    pub fn executed(&self) -> u64 {
        self.executed.load(Ordering::Relaxed)
    }

    fn now(&self) -> DateTime<Utc> {
        self.pipeline.clock().now()
    }

    fn lease_until(&self) -> DateTime<Utc> {
        self.settings.lease_until(self.now())
    }

    /// Makes all jobs known.
    pub async fn prepare(&self) -> Result<(), StoreError> {
        let words: Vec<&str> = Job::ALL.into_iter().map(Job::word).collect();
        jobs::ensure(self.pipeline.pool(), &words, self.now()).await
    }

    /// Runs what is due until it is told to stop, and then waits for what is in hand.
    pub async fn run(self: Arc<Self>) {
        let mut stop = self.stop.clone();
        while let Err(error) = self.prepare().await {
            if !self.pipeline.outage().has("jobs", &error) {
                tracing::warn!(error = %telemetry::chain(&error), "jobs not prepared yet");
            }
            tokio::select! {
                () = tokio::time::sleep(TAKE_OVER_EVERY) => {}
                _ = stop.changed() => return,
            }
        }
        let (due, mut ticks) = mpsc::channel(DUE_MAX);
        let mut timers = JoinSet::new();
        for (job, timetable) in self.settings.timetables.clone() {
            timers.spawn(timer::run(job, timetable, due.clone(), stop.clone()));
        }
        drop(due);
        let mut runs = JoinSet::new();
        let mut look = tokio::time::interval(TAKE_OVER_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !*stop.borrow() {
            tokio::select! {
                Some(tick) = ticks.recv() => {
                    let runner = Arc::clone(&self);
                    runs.spawn(async move { runner.due(tick).await });
                }
                _ = look.tick() => {
                    if !self.looking.swap(true, Ordering::Relaxed) {
                        let runner = Arc::clone(&self);
                        runs.spawn(async move {
                            runner.look_after().await;
                            runner.looking.store(false, Ordering::Relaxed);
                        });
                    }
                }
                Some(ended) = runs.join_next() => {
                    if ended.is_err() {
                        tracing::error!("a job panicked: its lease will end, and it is taken over");
                    }
                }
                _ = stop.changed() => {}
            }
        }
        while timers.join_next().await.is_some() {}
        while runs.join_next().await.is_some() {}
    }

    /// A tick of the schedule, after those that nobody answered for.
    async fn due(&self, tick: Due) {
        // A tick of a clock that is wrong is none: others run what is due.
        if !self.pipeline.clock_is_right() {
            return;
        }
        let caught_up = self.catch_up(tick.job, tick.at).await;
        if let Err(error) = caught_up
            && !self.pipeline.outage().has("missed ticks", &error)
        {
            tracing::warn!(job = tick.job.word(), error = %telemetry::chain(&error),
                "missed ticks not looked for");
        }
        self.tell(tick.job, self.claim(tick.job, tick.at, "schedule").await);
    }

    /// Runs ticks before `before` that nobody ran, as far as the job wants them.
    async fn catch_up(&self, job: Job, before: DateTime<Utc>) -> Result<(), StoreError> {
        let most = match job.misfire() {
            Misfire::Skip => return Ok(()),
            Misfire::Once => 1,
            Misfire::Backfill(most) => most,
        };
        let timetable = self.settings.timetables.iter().find(|(other, _)| *other == job);
        let Some((_, timetable)) = timetable else {
            return Ok(());
        };
        let last = jobs::last_tick(self.pipeline.pool(), job.word()).await?;
        for missed in timetable.between(last, before, most) {
            let ended = self.claim(job, missed, "misfire").await;
            self.tell(job, ended);
        }
        Ok(())
    }

    /// Takes over runs whose runner gave no sign of life, and looks for ticks that were missed
    /// while nobody was there.
    async fn look_after(&self) {
        if !self.pipeline.clock_is_right() {
            return;
        }
        for (job, _) in &self.settings.timetables {
            if let Err(error) = self.catch_up(*job, self.now() - self.settings.lease).await
                && !self.pipeline.outage().has("missed ticks", &error)
            {
                tracing::warn!(job = job.word(), error = %telemetry::chain(&error),
                    "missed ticks not looked for");
            }
        }
        loop {
            let (now, lease_until) = (self.now(), self.lease_until());
            let owner = &self.settings.owner;
            match jobs::take_over(self.pipeline.pool(), owner, now, lease_until).await {
                Ok(Some(run)) => {
                    tracing::warn!(
                        job = run.job,
                        epoch = run.epoch,
                        "a run was cut off: taken over"
                    );
                    if let Some(job) = Job::from_word(&run.job) {
                        let ended = self.execute(job, &run).await;
                        self.tell(job, Ok(ended));
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    if !self.pipeline.outage().has("runs of jobs", &error) {
                        tracing::warn!(error = %telemetry::chain(&error), "runs not looked after");
                    }
                    return;
                }
            }
            if *self.stop.borrow() {
                return;
            }
        }
    }

    async fn claim(
        &self,
        job: Job,
        scheduled_for: DateTime<Utc>,
        cause: &'static str,
    ) -> Result<JobEnded, StoreError> {
        self.run_claim(job, scheduled_for, cause, None, scheduled_for, None).await
    }

    /// Runs a job now because a person wants it, for the instant that they name.
    ///
    /// # Errors
    /// When the tick cannot be claimed.
    pub async fn run_by(
        &self,
        job: Job,
        operator: &str,
        as_of: DateTime<Utc>,
    ) -> Result<JobEnded, StoreError> {
        self.run_claim(job, self.now(), "operator", Some(operator), as_of, None).await
    }

    /// Runs `reconcile` for a person who does not trust the sums that it keeps: they are made anew
    /// from the ledger.
    pub async fn reconcile_from_the_start(
        &self,
        operator: &str,
        as_of: DateTime<Utc>,
    ) -> Result<JobEnded, StoreError> {
        let (cause, start) = ("operator", Some(FROM_THE_START));
        self.run_claim(Job::Reconcile, self.now(), cause, Some(operator), as_of, start).await
    }

    async fn run_claim(
        &self,
        job: Job,
        scheduled_for: DateTime<Utc>,
        cause: &'static str,
        operator: Option<&str>,
        as_of: DateTime<Utc>,
        start: Option<&str>,
    ) -> Result<JobEnded, StoreError> {
        let now = self.now();
        if as_of > now + AHEAD_MAX {
            return Ok(JobEnded::NotYet);
        }
        let claim = Claim {
            job: job.word(),
            scheduled_for,
            cause,
            operator,
            as_of,
            owner: &self.settings.owner,
            lease_until: self.lease_until(),
        };
        Ok(match jobs::claim(self.pipeline.pool(), claim, now).await? {
            Claimed::Mine(mut run) => {
                run.progress = start.map(str::to_owned).or(run.progress);
                self.execute(job, &run).await
            }
            Claimed::Busy => JobEnded::Busy,
            Claimed::Taken => JobEnded::Taken,
            Claimed::Paused => JobEnded::Paused,
        })
    }

    /// Runs a claimed tick beside a heartbeat that keeps its lease.
    async fn execute(&self, job: Job, run: &JobRun) -> JobEnded {
        self.executed.fetch_add(1, Ordering::Relaxed);
        let began = Instant::now();
        let lost = AtomicBool::new(false);
        let (end, ended) = watch::channel(false);
        let (pipeline, settings) = (&self.pipeline, &self.settings);
        let work = Work { pipeline, settings, run, stop: &self.stop, lost: &lost };
        let job_itself = async {
            let result = match job {
                Job::Audit => audit::run(&work).await,
                Job::ExpireWaiting => expire_waiting::run(&work).await,
                Job::Prune => prune::run(&work).await,
                Job::FlagVoidCandidates => flag_void_candidates::run(&work).await,
                Job::Reconcile => reconcile::run(&work).await,
                Job::Rematch => rematch::run(&work).await,
            };
            // Nobody listens any more if the heartbeat has ended.
            let _ = end.send(true);
            result
        };
        let (result, ()) = tokio::join!(job_itself, self.heartbeat(run, &lost, ended));
        let ended = if lost.load(Ordering::Relaxed) {
            JobEnded::Lost
        } else {
            match self.conclude(run, result).await {
                Ok(ended) => ended,
                Err(StoreError::Fenced) => JobEnded::Lost,
                Err(error) => {
                    // The lease will end; whoever takes the run over does it again.
                    tracing::warn!(error = %telemetry::chain(&error), "a run's end not written");
                    JobEnded::Stopped
                }
            }
        };
        self.pipeline.meters().job(job.word(), ended.word(), began.elapsed());
        ended
    }

    async fn conclude(
        &self,
        run: &JobRun,
        result: Result<JobReport, StoreError>,
    ) -> Result<JobEnded, StoreError> {
        let pool = self.pipeline.pool();
        match result {
            // It may have ended early: the lease ends now, and the next runner goes on.
            Ok(_) if *self.stop.borrow() => {
                jobs::renew(pool, run, self.now()).await?;
                Ok(JobEnded::Stopped)
            }
            Ok(report) => {
                let (findings, summary) = (report.findings, report.summary.as_str());
                let ending = Ending { failed: false, findings, summary };
                jobs::finish(pool, run, ending, self.now()).await?;
                Ok(JobEnded::Done(report))
            }
            Err(StoreError::Fenced) => Ok(JobEnded::Lost),
            Err(error) => {
                tracing::error!(job = run.job, error = %telemetry::chain(&error), "a job failed");
                let summary = error.to_string();
                let ending = Ending { failed: true, findings: 0, summary: &summary };
                jobs::finish(pool, run, ending, self.now()).await?;
                Ok(JobEnded::Failed(summary))
            }
        }
    }

    /// Extends the lease every third of it. A database that does not answer is no reason to give
    /// up: the lease ends by itself, and the epoch guards what is written.
    async fn heartbeat(&self, run: &JobRun, lost: &AtomicBool, mut ended: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.settings.lease / 3) => {}
                _ = ended.changed() => return,
            }
            match jobs::renew(self.pipeline.pool(), run, self.lease_until()).await {
                Ok(()) => {}
                Err(StoreError::Fenced) => {
                    lost.store(true, Ordering::Relaxed);
                    return;
                }
                Err(error) if self.pipeline.outage().has("a run's lease", &error) => {}
                Err(error) => {
                    tracing::warn!(job = run.job, error = %telemetry::chain(&error),
                        "a run's lease was not extended");
                }
            }
        }
    }

    fn tell(&self, job: Job, ended: Result<JobEnded, StoreError>) {
        let job = job.word();
        match ended {
            Ok(JobEnded::Done(report)) => {
                tracing::info!(job, findings = report.findings, "{}", report.summary);
            }
            Ok(JobEnded::Failed(_) | JobEnded::Taken | JobEnded::Paused) => {}
            Ok(JobEnded::Stopped) => tracing::info!(job, "stopped; it goes on at the next runner"),
            Ok(JobEnded::Lost) => tracing::warn!(job, "taken over by another runner"),
            Ok(JobEnded::NotYet) => {
                tracing::warn!(job, "not run: its instant is after this machine's clock");
            }
            Ok(JobEnded::Busy) => tracing::warn!(job, "skipped: the run before it still goes on"),
            Err(error) if self.pipeline.outage().has("a tick", &error) => {}
            Err(error) => {
                tracing::warn!(job, error = %telemetry::chain(&error), "a tick was not claimed");
            }
        }
    }
}
