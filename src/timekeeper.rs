//! Keeps a worker's clock by the database's, and says when the machine's own is wrong.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::clock::{Clock, Followed};
use crate::pipeline::Pipeline;
use crate::store::{self, StoreError};
use crate::telemetry;

/// How often the database is asked what time it is.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// How often a wrong clock is told anew, for `status`.
const TELL_EVERY: Duration = Duration::from_secs(30);

/// The clock that a worker goes by: the database's, if `local` is a machine's.
pub(crate) async fn clock_of(
    pool: &crate::store::PgPool,
    local: Clock,
) -> Result<Clock, StoreError> {
    if matches!(local, Clock::Fixed(_) | Clock::Followed(_)) {
        return Ok(local);
    }
    let followed = Followed::new(local);
    if let Some(now) = store::clock::now(pool).await? {
        followed.is_now(now);
    }
    Ok(Clock::Followed(followed))
}

/// Asks again and again until it is told to stop.
pub(crate) async fn keep(pipeline: Pipeline, mut stop: watch::Receiver<bool>) {
    let Clock::Followed(followed) = pipeline.clock() else { return };
    let (pool, owner) = (pipeline.pool(), pipeline.settings().owner.clone());
    let mut told: Option<Instant> = None;
    while !*stop.borrow() {
        match store::clock::now(pool).await {
            Ok(Some(now)) => followed.is_now(now),
            Ok(None) => {}
            Err(error) => tracing::debug!(error = %telemetry::chain(&error), "time not asked"),
        }
        if let Err(error) = tell(&pipeline, &owner, &mut told).await {
            tracing::debug!(error = %telemetry::chain(&error), "clock not told");
        }
        tokio::select! {
            () = tokio::time::sleep(ASK_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
    if told.is_some() {
        // It is gone in two minutes anyway.
        let _ = store::clock::right(pool, &owner).await;
    }
}

async fn tell(
    pipeline: &Pipeline,
    owner: &str,
    told: &mut Option<Instant>,
) -> Result<(), StoreError> {
    let pool = pipeline.pool();
    if pipeline.clock_is_right() {
        if told.take().is_some() {
            tracing::info!("this machine's clock is right again: jobs run here");
            store::clock::right(pool, owner).await?;
        }
        return Ok(());
    }
    let ahead_ms = pipeline.clock().off_by().num_milliseconds();
    if told.is_none() {
        tracing::error!(
            ahead_ms,
            "this machine's clock is not the database's: no job runs here until it is set right"
        );
    }
    if told.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
        *told = Some(Instant::now());
        let group = &pipeline.settings().group;
        store::clock::tell(pool, owner, group, ahead_ms, pipeline.clock().now()).await?;
    }
    Ok(())
}
