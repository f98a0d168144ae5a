//! `topup demo`: the main job on embedded parts, told as a short story.
//!
//! A temporary PostgreSQL from local binaries, a broker inside this process that speaks Kafka's
//! protocol, the worker as it is, and the records of `fixtures/demo/`. Nothing is simulated but
//! the broker, and nothing is left behind.

mod postgres;
mod stage;
mod story;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use clap::Args;

use crate::app::{self, AppError, Worker};
use crate::clock::Clock;
use crate::config::{Flags, Loaded, Needs, Only, Secret, Topics};
use crate::kafka::admin::{Cluster, TopicSpec};
use crate::kafka::mock::MockKafka;
use crate::store::{self, ConnectOptions};

pub(crate) use stage::DemoError;

/// Partitions of each topic of the demo.
const PARTITIONS: i32 = 2;
/// A command that waits for something unknown is given up after this, to show how that ends.
const WAITING_SECONDS: &str = "2";

/// What the command line says.
#[derive(Debug, Clone, Args)]
pub(crate) struct DemoArgs {
    /// Keep everything running until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Use this Kafka instead of one inside the process
    #[arg(long, value_name = "BROKERS")]
    kafka: Option<String>,
    /// Use this PostgreSQL instead of a temporary one
    #[arg(long, value_name = "URL", value_parser = secret)]
    database_url: Option<Secret>,
}

fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

/// Plays the demo.
///
/// # Errors
/// When something of it cannot be started, or the story does not come out as told.
pub(crate) async fn run(args: DemoArgs) -> Result<(), DemoError> {
    let started = Instant::now();
    println!("topup demo: bank money becomes prepaid balance, exactly once\n");
    let prefix = match args.kafka {
        Some(_) => format!("topup-demo-{}", std::process::id()),
        None => "topup".to_owned(),
    };
    let topics = Topics::with_prefix(&prefix);
    let (database, database_url) = match &args.database_url {
        Some(url) => (None, url.reveal().to_owned()),
        None => {
            let database = tokio::task::spawn_blocking(postgres::Temporary::start).await??;
            let url = database.url().to_owned();
            (Some(database), url)
        }
    };
    let (broker, brokers) = open_broker(&args, &topics).await?;
    let what = |given: bool| if given { "yours" } else { "temporary" };
    println!(
        "  PostgreSQL {} and Kafka {} are up after {}",
        what(args.database_url.is_some()),
        if args.kafka.is_some() { "(yours)" } else { "(in this process)" },
        seconds(started.elapsed()),
    );
    let admin = store::connect(&ConnectOptions {
        role: None,
        application_name: "topup demo".to_owned(),
        ..ConnectOptions::new(&database_url)
    })
    .await?;
    store::migrate(&admin).await?;
    let config =
        Loaded::read(&Flags::default(), &settings(&database_url, &brokers, &prefix), Needs::ALL)?;
    let worker = Worker::start(&config.config, Only::ALL, Clock::System).await?;
    let jobs = app::job_settings(&config.config).map_err(AppError::from)?;
    let stage = stage::Stage::new(worker, admin, &brokers, topics, jobs)?;
    let told = story::tell(&stage).await;
    if told.is_ok() {
        println!("\nDone in {}. ", seconds(started.elapsed()));
    }
    if args.keep && told.is_ok() {
        println!("Kept until Ctrl-C:\n  DATABASE_URL={database_url}\n  KAFKA_BROKERS={brokers}");
        // An error here means that no signal can be waited for; then there is nothing to keep.
        let _ = tokio::signal::ctrl_c().await;
    }
    stage.close().await;
    tokio::task::spawn_blocking(move || {
        drop(broker);
        drop(database);
    })
    .await?;
    told
}

fn seconds(duration: Duration) -> String {
    format!("{}.{:01} s", duration.as_secs(), duration.subsec_millis() / 100)
}

async fn open_broker(
    args: &DemoArgs,
    topics: &Topics,
) -> Result<(Option<MockKafka>, String), DemoError> {
    let names: Vec<String> = topics.all().iter().map(|name| (*name).to_owned()).collect();
    let Some(brokers) = args.kafka.clone() else {
        let broker = tokio::task::spawn_blocking(move || {
            let topics: Vec<(&str, i32)> =
                names.iter().map(|name| (name.as_str(), PARTITIONS)).collect();
            MockKafka::start(&topics)
        });
        let broker = broker.await??;
        let brokers = broker.brokers().to_owned();
        return Ok((Some(broker), brokers));
    };
    let cluster = Cluster::new(&brokers);
    let specs: Vec<TopicSpec> = names
        .into_iter()
        .map(|name| TopicSpec { name, partitions: PARTITIONS, replication: 1, config: Vec::new() })
        .collect();
    let made =
        tokio::task::spawn_blocking(move || cluster.create_topics(&specs, Duration::from_secs(30)));
    made.await??;
    Ok((None, brokers))
}

fn settings(database_url: &str, brokers: &str, prefix: &str) -> BTreeMap<String, String> {
    let pairs = [
        ("TOPUP__DATABASE__URL", database_url),
        ("TOPUP__KAFKA__BROKERS", brokers),
        ("TOPUP__KAFKA__TOPIC_PREFIX", prefix),
        ("TOPUP__KAFKA__GROUP_ID", prefix),
        ("TOPUP__WORKER__WAITING_DEADLINE_SECONDS", WAITING_SECONDS),
        ("TOPUP__WORKER__SWEEP_INTERVAL_MS", "100"),
    ];
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
