//! `partitions changes|settle|skip`: what a log did under its reader, and what a person says of it.

use clap::Subcommand;
use clap::builder::NonEmptyStringValueParser;

use super::args::Acting;
use super::error::{CliError, Exit, Result};
use super::output::write;
use super::table::table;
use super::verbs::NOT_YET;
use super::{Place, cluster};
use crate::clock::Clock;
use crate::store;
use crate::store::PgPool;
use crate::store::views::partitions::{self, ChangeRow};

#[derive(Debug, Clone, Subcommand)]
pub(super) enum PartitionsCommand {
    /// Logs that changed under their reader; exits 3 when one is open
    #[command(after_help = "Examples:\n  topup partitions changes\n  \
                            topup partitions changes --all --output json")]
    Changes {
        /// Also those that were settled
        #[arg(long)]
        all: bool,
    },
    /// Closes a change: what went unread is found, or is known to be lost; a dry run
    /// without --yes
    #[command(after_help = "Example:\n  topup partitions settle 7 --operator alice \
                            --reason 'sent again by the bank, ticket 12' --yes")]
    Settle {
        /// Its number, as `topup partitions changes` has it
        change_id: i64,
        #[command(flatten)]
        operator: Acting,
        /// What was done about it
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        reason: String,
    },
    /// Goes past records that cannot be read: they are counted as lost; a dry run without
    /// --yes
    #[command(after_help = "Example:\n  topup partitions skip topup.bank.payments.v1 3 --to 1042 \
                            --operator alice --reason 'corrupt on all replicas' --yes")]
    Skip {
        /// The topic that is not read
        topic: String,
        /// Which of its partitions
        partition: i32,
        /// The offset to go on at
        #[arg(long, value_name = "OFFSET", value_parser = clap::value_parser!(i64).range(1..))]
        to: i64,
        #[command(flatten)]
        operator: Acting,
        /// Why they cannot be read
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        reason: String,
    },
}

pub(super) async fn run(command: &PartitionsCommand, place: Place<'_>) -> Result<Exit> {
    let Place { pool, printer, .. } = place;
    match command {
        PartitionsCommand::Changes { all } => {
            let rows = partitions::changes(pool, *all).await?;
            let open = rows.iter().any(|row| row.settled_at.is_none());
            printer.whole(rows)?;
            return Ok(if open { Exit::Findings } else { Exit::Ok });
        }
        PartitionsCommand::Settle { change_id, operator, reason } => {
            settle(pool, *change_id, operator, reason).await?;
        }
        PartitionsCommand::Skip { topic, partition, to, operator, reason } => {
            let who = operator.checked()?;
            let said = (who.as_str(), reason.as_str());
            skip(place, (topic.as_str(), *partition), *to, said, operator.dry_run()).await?;
        }
    }
    Ok(Exit::Ok)
}

async fn settle(pool: &PgPool, change_id: i64, operator: &Acting, reason: &str) -> Result<()> {
    let who = operator.checked()?;
    let unknown = || CliError::not_found("open change of a log", &change_id.to_string());
    if operator.dry_run() {
        let open = partitions::changes(pool, false).await?;
        let row = open.iter().find(|row| row.change_id == change_id).ok_or_else(unknown)?;
        let lost = row.lost.map_or_else(|| "not known".to_owned(), |n| n.to_string());
        return write(&format!(
            "Change {change_id} of {}:{} ({}; offsets that went unread: {lost}) would be \
             settled.\n{NOT_YET}\n",
            row.topic, row.partition, row.kind
        ));
    }
    if !store::partitions::settle(pool, change_id, &who, reason, Clock::System.now()).await? {
        return Err(unknown());
    }
    write("Settled.\n")
}

async fn skip(
    Place { pool, config, .. }: Place<'_>,
    (topic, partition): (&str, i32),
    to: i64,
    (operator, reason): (&str, &str),
    dry_run: bool,
) -> Result<()> {
    let ends = cluster::ends(&config.kafka, vec![topic.to_owned()]).await?;
    let id = format!("{topic}:{partition}");
    let ends = ends.into_iter().find(|ends| ends.partition == partition);
    let ends = ends.ok_or_else(|| CliError::not_found("partition", &id))?;
    if to > ends.high {
        let high = ends.high;
        return Err(CliError::Usage(format!("{id} ends at {high}: {to} is beyond it")));
    }
    let (group, low) = (config.kafka.group_id.as_str(), ends.low);
    let skip = store::partitions::Skip { group, topic, partition, low, to, operator, reason };
    let skipped = store::partitions::skip(pool, &skip, Clock::System.now(), dry_run).await?;
    let Some((change_id, lost)) = skipped else {
        let what = format!("{id} is not known here, or is at {to} or beyond it already");
        return Err(CliError::Usage(what));
    };
    write(&if dry_run {
        format!("{id} would go on at {to}. Offsets that would go unread: {lost}.\n{NOT_YET}\n")
    } else {
        format!("{id} goes on at {to}. Offsets that went unread: {lost} (change {change_id}).\n")
    })
}

table!(ChangeRow:
    change_id consumer_group topic partition kind reason expected went_on_at lost found_at operator
    settled_at settled_by settlement;
    row => {
        let lost = row.lost.map_or_else(|| "not known".to_owned(), |lost| lost.to_string());
    }
    "change": row.change_id, "topic": row.topic, "partition": row.partition, "kind": row.kind,
    "lost": lost, "found": row.found_at, "settled": row.settled_by,
    "reason": row.settlement.as_ref().unwrap_or(&row.reason).clone());
