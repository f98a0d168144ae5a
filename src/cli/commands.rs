//! `commands waiting|cancel`: commands that wait.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::error::{CliError, Exit};
use super::output::Tabular;
use super::verbs::{Ask, Fields, Place, ask, needs_words};
use crate::store::views::records::{self, RecordName, WaitingCommand};
use crate::store::views::time::At;

#[derive(Debug, Clone, Subcommand)]
pub enum CommandsCommand {
    /// Commands that wait, with what each waits for
    #[command(after_help = "Examples:\n  topup commands waiting\n  \
                            topup commands waiting --account ACC-1001")]
    Waiting {
        /// Only of this customer
        #[arg(long)]
        account: Option<String>,
    },
    /// Ends the waiting of a command: it has no effect, and those behind it go on
    #[command(after_help = "Example:\n  topup commands cancel crm/cmd-17 --operator alice \
                            --reason 'sent by mistake' --yes")]
    Cancel(CancelArgs),
}

#[derive(Debug, Clone, Args)]
pub struct CancelArgs {
    /// Its ID, or SOURCE/ID
    record: String,
    #[command(flatten)]
    ask: Ask,
}

/// A command that waits.
#[derive(Debug, Clone, Serialize)]
struct Row {
    record: String,
    #[serde(rename = "type")]
    kind: String,
    account_id: String,
    waits_for: String,
    since: At,
    deadline: At,
}

/// # Errors
/// As [`ask`].
pub async fn run(command: &CommandsCommand, place: Place<'_>) -> Result<Exit, CliError> {
    match command {
        CommandsCommand::Waiting { account } => {
            let found = records::waiting(place.pool, account.as_deref()).await?;
            let rows: Vec<Row> = found.into_iter().map(row).collect();
            place.printer.whole(rows)?;
            Ok(Exit::Ok)
        }
        CommandsCommand::Cancel(args) => {
            let name = RecordName::parse(&args.record);
            let found = records::find(place.pool, &name).await?;
            let waits = |row: &&records::RecordRow| row.outcome == "waiting";
            let waiting: Vec<&records::RecordRow> = found.iter().filter(waits).collect();
            let row = match waiting.as_slice() {
                [one] => *one,
                [] if found.is_empty() => {
                    return Err(CliError::not_found("record", &args.record));
                }
                [] => {
                    let problem = "command_not_waiting: it does not wait; see `topup records show`";
                    return Err(CliError::Failed(problem.to_owned()));
                }
                _ => {
                    let problem = "several commands of this id wait: give SOURCE/ID";
                    return Err(CliError::Usage(problem.to_owned()));
                }
            };
            let all = records::waiting(place.pool, None).await?;
            let own = all
                .into_iter()
                .find(|one| one.source == row.source && one.message_id == row.message_id);
            let account = own.map(|one| one.account_id).unwrap_or_default();
            let fields = Fields::default()
                .with("account_id", account)
                .with("command_source", row.source.as_str())
                .with("command_id", row.message_id.as_str());
            ask(place, &args.ask, "topup.command.cancel.v1", fields).await
        }
    }
}

fn row(one: WaitingCommand) -> Row {
    let waits_for = match &one.behind {
        Some(behind) => format!("command {behind}, which waits"),
        None => needs_words(&one.needs),
    };
    Row {
        record: format!("{}/{}", one.source, one.message_id),
        kind: one.message_type,
        account_id: one.account_id,
        waits_for,
        since: one.since,
        deadline: one.deadline,
    }
}

impl Tabular for Row {
    const HEADERS: &'static [&'static str] =
        &["command", "type", "account", "waits for", "since", "until"];
    const FIELDS: &'static [&'static str] =
        &["record", "type", "account_id", "waits_for", "since", "deadline"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.record.clone(),
            self.kind.clone(),
            self.account_id.clone(),
            self.waits_for.clone(),
            self.since.to_string(),
            self.deadline.to_string(),
        ]
    }
}
