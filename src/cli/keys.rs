//! `keys parked`.

use clap::Subcommand;
use sqlx::PgPool;

use super::args::PageArgs;
use super::error::CliError;
use super::output::{Printer, Tabular, cell};
use crate::store::views::Page;
use crate::store::views::keys::{self, ParkedRow};

#[derive(Debug, Clone, Subcommand)]
pub enum KeysCommand {
    /// Keys whose commands wait, with what for and how many behind it
    #[command(after_help = "Examples:\n  topup keys parked\n  topup keys parked --output json")]
    Parked {
        #[command(flatten)]
        page: PageArgs,
    },
}

/// # Errors
/// What the database says.
pub async fn run(command: &KeysCommand, pool: &PgPool, printer: Printer) -> Result<(), CliError> {
    let KeysCommand::Parked { page } = command;
    let of = async |page: Page| Ok(keys::parked(pool, &page).await?);
    printer.pages(page, of).await.map(|_| ())
}

impl Tabular for ParkedRow {
    const HEADERS: &'static [&'static str] = &[
        "key",
        "first command",
        "needs",
        "since",
        "deadline",
        "commands behind",
        "letters",
        "attempts",
        "failure",
    ];
    const FIELDS: &'static [&'static str] = &[
        "key", "record", "needs", "since", "deadline", "behind", "letters", "attempts", "failure",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.key.clone(),
            self.record.clone(),
            self.needs.clone(),
            self.since.to_string(),
            self.deadline.to_string(),
            self.behind.to_string(),
            self.letters.to_string(),
            self.attempts.to_string(),
            cell(self.failure.as_ref()),
        ]
    }
}
