//! Keeps a worker's clock by the database's, says when the machine's own is wrong, and gives the
//! database a sign of life with it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use crate::clock::{Clock, Followed};
use crate::config::Only;
use crate::domain::authority::Table;
use crate::observe::Signs;
use crate::pipeline::Pipeline;
use crate::store::clock::SignOfLife;
use crate::store::{self, StoreError};
use crate::telemetry;

/// How often the database is asked what time it is.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// How often a sign of life is given.
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

/// Who this worker is, as it tells the database.
pub(crate) struct Me {
    /// What it does, in words with commas.
    parts: String,
    started_at: DateTime<Utc>,
}

impl Me {
    pub(crate) fn new(only: Only, started_at: DateTime<Utc>) -> Self {
        let parts = [
            (only.commands, "commands"),
            (only.bank, "bank"),
            (only.usage, "usage"),
            (only.relay, "relay"),
            (only.jobs, "jobs"),
        ];
        let parts: Vec<&str> =
            parts.into_iter().filter(|(runs, _)| *runs).map(|(_, word)| word).collect();
        Self { parts: parts.join(","), started_at }
    }
}

/// Asks again and again until it is told to stop, and gives a sign of life.
pub(crate) async fn keep(
    pipeline: Pipeline,
    me: Me,
    signs: Arc<Signs>,
    mut stop: watch::Receiver<bool>,
) {
    let (pool, owner) = (pipeline.pool(), pipeline.settings().owner.clone());
    let mut told = Told::default();
    while !*stop.borrow() {
        let answer = store::clock::now(pool).await;
        if let Err(error) = &answer {
            tracing::debug!(error = %telemetry::chain(error), "time not asked");
        }
        if let (Ok(Some(now)), Clock::Followed(followed)) = (&answer, pipeline.clock()) {
            followed.is_now(*now);
        }
        if answer.is_ok() {
            pipeline.outage().is_over();
        }
        signs.database(answer.map(|_| ()).map_err(|error| telemetry::chain(&error)));
        if let Err(error) = tell(&pipeline, &me, &signs, &mut told).await {
            tracing::debug!(error = %telemetry::chain(&error), "clock not told");
        }
        tokio::select! {
            () = tokio::time::sleep(ASK_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
    // If it cannot be told: nobody who is silent is taken for alive.
    let _ = store::clock::gone(pool, &owner).await;
}

/// What was told last, and when.
#[derive(Default)]
struct Told {
    at: Option<Instant>,
    wrong: bool,
}

async fn tell(
    pipeline: &Pipeline,
    me: &Me,
    signs: &Signs,
    told: &mut Told,
) -> Result<(), StoreError> {
    let wrong = !pipeline.clock_is_right();
    let ahead_ms = pipeline.clock().off_by().num_milliseconds();
    signs.clock(wrong.then_some(ahead_ms));
    let turned = wrong != told.wrong;
    told.wrong = wrong;
    if turned && wrong {
        tracing::error!(
            ahead_ms,
            "this machine's clock is not the database's: no job runs here until it is set right"
        );
    } else if turned {
        tracing::info!("this machine's clock is right again: jobs run here");
    }
    if turned || told.at.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
        let settings = pipeline.settings();
        let (pool, now) = (pipeline.pool(), pipeline.clock().now());
        let table = settings.authority.table.as_ref();
        if let Some(Table { version, content, .. }) = table.filter(|_| told.at.is_none()) {
            store::clock::note_authority(pool, version, content, now).await?;
        }
        let sign = SignOfLife {
            owner: &settings.owner,
            group: &settings.group,
            parts: &me.parts,
            version: env!("CARGO_PKG_VERSION"),
            ahead_ms,
            wrong,
            started_at: me.started_at,
            authority: table.map(|table| table.version.as_str()),
        };
        store::clock::tell(pool, &sign, now).await?;
        told.at = Some(Instant::now());
    }
    Ok(())
}
