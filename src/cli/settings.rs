//! `config check|show`.

use clap::Subcommand;

use super::error::Result;
use super::output::{Printer, write};
use super::table::table;
use crate::config::{Loaded, Shown};

#[derive(Debug, Clone, Copy, Subcommand)]
pub(super) enum ConfigCommand {
    /// Reads all layers and says everything that is wrong; exits 0 or 2
    #[command(after_help = "Examples:\n  topup config check\n  \
                            topup --config topup.toml config check")]
    Check,
    /// The effective settings, secrets masked, and the layer of each
    #[command(after_help = "Examples:\n  topup config show\n  \
                            TOPUP__WORKER__BATCH_RECORDS=500 topup config show --output json")]
    Show,
}

pub(super) fn run(command: ConfigCommand, loaded: &Loaded, printer: Printer) -> Result<()> {
    match command {
        ConfigCommand::Check => write("The settings can be used.\n"),
        ConfigCommand::Show => printer.rows(&loaded.shown),
    }
}

table!(Shown:
    key value origin;
    row => "key": row.key, "value": row.value, "from": row.origin);
