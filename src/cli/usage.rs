//! `usage watermarks|reset`: how far usage is known, and taking that back.

use clap::Subcommand;
use clap::builder::NonEmptyStringValueParser;

use super::args::{self, Acting};
use super::error::{CliError, Exit, Result};
use super::output::write;
use super::table::table;
use super::verbs::NOT_YET;
use super::{Place, database};
use crate::clock::Clock;
use crate::store;
use crate::store::views::watermarks::{self, WatermarkRow};

#[derive(Debug, Clone, Subcommand)]
pub(super) enum UsageCommand {
    /// Up to when usage is known, by partition; exits 3 when one says so of the future
    #[command(after_help = "Example:\n  topup usage watermarks")]
    Watermarks,
    /// Takes a watermark back: nothing is proven until the feed says it again; a dry run
    /// without --yes
    #[command(after_help = "Example:\n  topup usage reset topup.usage.v1 3 --operator alice \
                            --reason 'the feed had a wrong clock' --yes")]
    Reset {
        /// The topic, as `topup usage watermarks` names it
        topic: String,
        /// Which of its partitions
        partition: i32,
        #[command(flatten)]
        operator: Acting,
        /// Why it is not to be believed
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        reason: String,
    },
}

pub(super) async fn run(command: &UsageCommand, place: Place<'_>) -> Result<Exit> {
    let Place { pool, config, printer } = place;
    let now = Clock::System.now();
    match command {
        UsageCommand::Watermarks => {
            let latest = now.checked_add_signed(database::skew(config)).unwrap_or(now);
            let rows = watermarks::all(pool, latest).await?;
            let future = rows.iter().any(|row| row.in_future);
            printer.whole(rows)?;
            return Ok(if future { Exit::Findings } else { Exit::Ok });
        }
        UsageCommand::Reset { topic, partition, operator, reason } => {
            let who = operator.checked()?;
            let topic = &args::topic(topic, &config.topics());
            let id = format!("{topic}:{partition}");
            let rows = watermarks::all(pool, now).await?;
            let found = rows.iter().find(|row| row.topic == *topic && row.partition == *partition);
            let row = found.ok_or_else(|| CliError::not_found("watermark", &id))?;
            if operator.dry_run() {
                let through = row.complete_through;
                write(&format!(
                    "The watermark of {id}, {through}, would be taken back: nothing would be \
                     proven until the feed says it again.\n{NOT_YET}\n"
                ))?;
                return Ok(Exit::Ok);
            }
            let place = (topic.as_str(), *partition);
            if !store::usage::reset_watermark(pool, place, (&who, reason), now).await? {
                return Err(CliError::not_found("watermark", &id));
            }
            write("Taken back: nothing is proven until the feed says it again.\n")?;
        }
    }
    Ok(Exit::Ok)
}

table!(WatermarkRow:
    topic partition complete_through updated_at in_future;
    row => "topic": row.topic, "partition": row.partition, "complete through": row.complete_through,
    "told": row.updated_at,
    "believed": if row.in_future { "no: it is in the future" } else { "yes" }.to_owned());
