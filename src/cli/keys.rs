//! `keys parked`.

use clap::Subcommand;
use sqlx::PgPool;

use super::args::PageArgs;
use super::error::CliError;
use super::output::Printer;
use super::table::table;
use crate::store::views::Page;
use crate::store::views::keys::{self, ParkedRow};

#[derive(Debug, Clone, Subcommand)]
pub(super) enum KeysCommand {
    /// Keys whose commands wait, with what for and how many behind it
    #[command(after_help = "Examples:\n  topup keys parked\n  topup keys parked --output json")]
    Parked {
        #[command(flatten)]
        page: PageArgs,
    },
}

pub(super) async fn run(
    command: &KeysCommand,
    pool: &PgPool,
    printer: Printer,
) -> Result<(), CliError> {
    let KeysCommand::Parked { page } = command;
    let of = async |page: Page| Ok(keys::parked(pool, &page).await?);
    printer.pages(page, of).await.map(|_| ())
}

table!(ParkedRow:
    key record needs since deadline behind letters attempts failure;
    row => "key": row.key, "first command": row.record, "needs": row.needs, "since": row.since,
    "deadline": row.deadline, "commands behind": row.behind, "letters": row.letters,
    "attempts": row.attempts, "failure": row.failure);
