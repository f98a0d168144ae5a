//! `topics list|create`: the topics that topup reads and writes.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::error::Result;
use super::output::Printer;
use super::table::table;
use super::{cluster, escape};
use crate::config::Config;

#[derive(Debug, Clone, Subcommand)]
pub(super) enum TopicsCommand {
    /// Topics of this prefix, and how many partitions each has
    #[command(after_help = "Example:\n  topup topics list")]
    List,
    /// Makes those that are missing; those that exist stay as they are
    #[command(after_help = "Examples:\n  topup topics create\n  \
                            topup topics create --partitions 12 --replication 3")]
    Create(CreateArgs),
}

#[derive(Debug, Clone, Args)]
pub(super) struct CreateArgs {
    /// As many as you will ever want workers for: changing it later breaks the order of keys;
    /// without it 12
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..=1_000))]
    partitions: Option<i32>,
    /// Copies of each; without it as many as the broker is set to make
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..=20))]
    replication: Option<i32>,
}

#[derive(Debug, Clone, Serialize)]
struct Row {
    topic: String,
    /// None: it is missing.
    partitions: Option<usize>,
    created: bool,
}

/// Partitions of a topic where nobody said how many.
const PARTITIONS: i32 = 12;

/// Makes what is missing, as `doctor --fix` does too.
pub(super) async fn make_missing(
    config: &Config,
    partitions: Option<i32>,
    replication: Option<i32>,
) -> Result<Vec<String>> {
    let names = config.topics().all().iter().map(ToString::to_string).collect();
    let count = partitions.unwrap_or(PARTITIONS);
    Ok(cluster::create_topics(&config.kafka, names, count, replication).await?)
}

pub(super) async fn run(command: &TopicsCommand, config: &Config, printer: Printer) -> Result<()> {
    let topics = config.topics();
    let mut created = Vec::new();
    if let TopicsCommand::Create(args) = command {
        created = make_missing(config, args.partitions, args.replication).await?;
    }
    let found = cluster::topics(&config.kafka).await?;
    let row = |name: &str| {
        let there = found.iter().find(|topic| topic.name == name);
        let created = created.iter().any(|created| created == name);
        Row { topic: name.to_owned(), partitions: there.map(|topic| topic.partitions), created }
    };
    let rows: Vec<Row> = topics.all().into_iter().map(row).collect();
    printer.rows(&rows)?;
    if let TopicsCommand::Create(CreateArgs { partitions: Some(wanted), .. }) = command {
        for row in rows.iter().filter(|row| !row.created) {
            let wanted = usize::try_from(*wanted).ok();
            let other = row.partitions.filter(|there| Some(*there) != wanted);
            if let (Some(there), Some(wanted)) = (other, wanted) {
                let topic = escape::text(&row.topic);
                eprintln!("{topic} has {there} partitions, not {wanted}: it stays as it is.");
            }
        }
    }
    Ok(())
}

table!(Row:
    topic partitions created;
    row => {
        let partitions =
            row.partitions.map_or_else(|| "missing".to_owned(), |count| count.to_string());
        let word = if row.created { "created" } else { "" };
    }
    "topic": row.topic, "partitions": partitions, "": word);
