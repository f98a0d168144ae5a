//! What requests are answered from: nothing yet, a worker that runs, or one that stops.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use crate::store::PgPool;
use chrono::{DateTime, Utc};
use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::task::AbortHandle;

use super::book::Book;
use super::gauges::Gauges;
use super::meters::Meters;
use super::signs::{Signs, not_alive};
use crate::clock::Clock;
use crate::kafka::{BrokerOutage, ConsumerStatus};

/// A snapshot of the consumer, at any time.
pub(crate) type Watch = Box<dyn Fn() -> ConsumerStatus + Send + Sync>;

/// A worker as it is watched.
pub(crate) struct Watched {
    pub meters: Arc<Meters>,
    pub signs: Arc<Signs>,
    pub book: Arc<Book>,
    pub pool: PgPool,
    pub clock: Clock,
    pub brokers: BrokerOutage,
    /// None where it reads nothing.
    pub consumer: Option<Watch>,
    /// Topics that it reads.
    pub topics: Vec<String>,
    /// Its tasks, which end when it is told to stop and not before.
    pub tasks: Vec<(&'static str, AbortHandle)>,
}

impl Watched {
    pub(super) fn status(&self) -> Option<ConsumerStatus> {
        self.consumer.as_ref().map(|watch| watch())
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watched")
    }
}

#[derive(Debug)]
enum Stage {
    Starting,
    Running(Arc<Watched>),
    /// What it counted is still told.
    Stopping(Arc<Watched>),
}

/// Why not, a sentence each; nothing where all is well.
pub(super) type Reasons = Vec<String>;

#[derive(Debug)]
pub(crate) struct Board(RwLock<(Stage, Registry)>);

impl Board {
    pub(crate) fn new() -> Self {
        Self(RwLock::new((Stage::Starting, registry())))
    }

    fn set(&self, stage: Stage, registry: Registry) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = (stage, registry);
    }

    pub(crate) fn runs(&self, watched: Watched) {
        let (watched, mut registry) = (Arc::new(watched), registry());
        watched.meters.register(&mut registry);
        registry.register_collector(Box::new(Gauges(Arc::clone(&watched))));
        self.set(Stage::Running(watched), registry);
    }

    pub(crate) fn stops(&self) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Stage::Running(watched) = &held.0 {
            held.0 = Stage::Stopping(Arc::clone(watched));
        }
    }

    fn look<T>(&self, look: impl FnOnce(&Stage, &Registry) -> T) -> T {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        look(&held.0, &held.1)
    }

    pub(super) fn metrics(&self) -> Result<String, std::fmt::Error> {
        self.look(|stage, registry| {
            if let Stage::Running(watched) | Stage::Stopping(watched) = stage {
                watched.book.want();
            }
            let mut text = String::new();
            prometheus_text::encode(&mut text, registry)?;
            Ok(text)
        })
    }

    pub(super) fn lives(&self) -> Reasons {
        self.look(|stage, _| match stage {
            // Whoever starts or stops has bounds of its own, and ends.
            Stage::Starting | Stage::Stopping(_) => Reasons::new(),
            Stage::Running(watched) => {
                let gone = watched.tasks.iter().filter(|(_, task)| task.is_finished());
                let gone: Vec<&str> = gone.map(|(name, _)| *name).collect();
                not_alive(watched.status().as_ref(), &gone)
            }
        })
    }

    /// Whether it runs, and its consumer thread has turned since then.
    pub(super) fn polls_since(&self, then: Instant) -> bool {
        self.look(|stage, _| match stage {
            Stage::Starting | Stage::Stopping(_) => false,
            Stage::Running(watched) => watched
                .status()
                .is_none_or(|consumer| consumer.running && consumer.silent_for < then.elapsed()),
        })
    }

    pub(super) fn is_ready(&self) -> Reasons {
        self.look(|stage, _| match stage {
            Stage::Starting => vec!["it starts: it waits for its database".to_owned()],
            Stage::Stopping(_) => vec!["it stops".to_owned()],
            Stage::Running(watched) => {
                watched.signs.not_ready(watched.status().as_ref(), Instant::now())
            }
        })
    }

    pub(super) fn has_started(&self) -> Reasons {
        self.look(|stage, _| match stage {
            Stage::Starting => vec!["it starts: it waits for its database".to_owned()],
            Stage::Running(_) | Stage::Stopping(_) => Reasons::new(),
        })
    }
}

/// With what is known before anything runs.
fn registry() -> Registry {
    let mut registry = Registry::with_prefix("topup");
    let build = Family::<[(&'static str, &'static str); 1], Gauge>::default();
    build.get_or_create(&[("version", env!("CARGO_PKG_VERSION"))]).set(1);
    registry.register("build_info", "Which version runs", build);
    registry
}
