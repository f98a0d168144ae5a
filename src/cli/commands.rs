//! `commands waiting|cancel`: commands that wait. `keys parked`: keys whose commands do.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::args::PageArgs;
use super::empty::Filters;
use super::error::{CliError, Exit, Result};
use super::table::table;
use super::verbs::{Ask, ask};
use super::words::needs_words;
use super::{Place, near};
use crate::domain::effect::Ending;
use crate::operator::orders::Fields;
use crate::store::views::Page;
use crate::store::views::keys::{self, ParkedRow};
use crate::store::views::near::Kind;
use crate::store::views::records::{self, RecordName, WaitingCommand};
use crate::store::views::standing::About;
use crate::store::views::time::At;

#[derive(Debug, Clone, Subcommand)]
pub(super) enum CommandsCommand {
    /// Commands that wait, with what each waits for
    #[command(after_help = "Examples:\n  topup commands waiting\n  \
                            topup commands waiting --account ACC-1001")]
    Waiting {
        /// Only of this customer
        #[arg(long)]
        account: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Ends the waiting of a command: it has no effect, and those behind it go on
    #[command(after_help = "Example:\n  topup commands cancel crm/cmd-17 --operator alice \
                            --reason 'sent by mistake' --yes")]
    Cancel(CancelArgs),
}

#[derive(Debug, Clone, Args)]
pub(super) struct CancelArgs {
    /// Its ID, or SOURCE/ID
    record: String,
    #[command(flatten)]
    ask: Ask,
}

#[derive(Debug, Clone, Subcommand)]
pub(super) enum KeysCommand {
    /// Keys whose commands wait, with what for and how many behind it
    #[command(after_help = "Examples:\n  topup keys parked\n  topup keys parked --output json")]
    Parked {
        #[command(flatten)]
        page: PageArgs,
    },
}

/// A command that waits.
#[derive(Debug, Clone, Serialize)]
struct Row {
    record: String,
    #[serde(rename = "type")]
    kind: String,
    /// None where it names no customer.
    account_id: Option<String>,
    waits_for: String,
    since: At,
    deadline: At,
}

pub(super) async fn run(command: &CommandsCommand, place: Place<'_>) -> Result<Exit> {
    match command {
        CommandsCommand::Waiting { account, page } => {
            let pool = place.pool;
            // A command may wait that names a customer whom nobody knows yet.
            let known = near::filter(pool, Kind::Account, account.as_ref()).await;
            let id = known.as_ref().ok().cloned().flatten().or_else(|| account.clone());
            let id = id.as_deref();
            let of = async |page: Page| Ok(records::waiting(pool, id, &page).await?.map(row));
            if place.printer.pages(page, of).await? {
                known?;
                Filters::default().with("--account", id).tell(true, "command that waits");
            }
            Ok(Exit::Ok)
        }
        CommandsCommand::Cancel(args) => {
            let name = RecordName::parse(&args.record);
            let found = records::find(place.pool, &name).await?;
            let waits = |row: &&records::RecordRow| row.outcome == Ending::Waiting.word();
            let waiting: Vec<&records::RecordRow> = found.iter().filter(waits).collect();
            let done = "command_not_waiting: it does not wait; see `topup records show`";
            let several = "several commands of this id wait: give SOURCE/ID";
            let row = match waiting.as_slice() {
                [one] => *one,
                [] if found.is_empty() => return Err(CliError::not_found("record", &args.record)),
                [] => return Err(CliError::Failed(done.to_owned())),
                _ => return Err(CliError::Usage(several.to_owned())),
            };
            let account = records::waits_for(place.pool, &row.source, &row.message_id).await?;
            let commands = vec![(row.source.clone(), row.message_id.clone())];
            let fields = Fields::default()
                .maybe("account_id", account)
                .with("command_source", row.source.as_str())
                .with("command_id", row.message_id.as_str())
                .about(&About { commands, ..About::default() });
            ask(place, &args.ask, "topup.command.cancel.v1", fields).await
        }
    }
}

pub(super) async fn keys(command: &KeysCommand, place: Place<'_>) -> Result<Exit> {
    let KeysCommand::Parked { page } = command;
    let of = async |page: Page| Ok(keys::parked(place.pool, &page).await?);
    place.printer.pages(page, of).await.map(|_| Exit::Ok)
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

table!(Row:
    record type account_id waits_for since deadline;
    row => "command": row.record, "type": row.kind, "account": row.account_id,
    "waits for": row.waits_for, "since": row.since, "until": row.deadline);

table!(ParkedRow:
    key record needs since deadline behind letters attempts failure;
    row => "key": row.key, "first command": row.record, "needs": row.needs, "since": row.since,
    "deadline": row.deadline, "commands behind": row.behind, "letters": row.letters,
    "attempts": row.attempts, "failure": row.failure);
