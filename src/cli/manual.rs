//! `completions` and `man`: what the shell and `man` know about this command line.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use super::error::{CliError, Result};
use super::output::write;

#[derive(Debug, Clone, Args)]
pub(super) struct CompletionsArgs {
    /// The shell to complete in
    shell: Shell,
}

#[derive(Debug, Clone, Args)]
pub(super) struct ManArgs {
    /// Write one page per command into this folder, instead of the first page to standard output
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn completions(args: &CompletionsArgs) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "topup", &mut script);
    write(&String::from_utf8_lossy(&script))
}

pub(super) fn man(args: &ManArgs) -> Result<()> {
    match &args.dir {
        Some(dir) => {
            std::fs::create_dir_all(dir).map_err(CliError::Output)?;
            clap_mangen::generate_to(Cli::command(), dir).map_err(CliError::Output)
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(CliError::Output)?;
            write(&String::from_utf8_lossy(&page))
        }
    }
}
