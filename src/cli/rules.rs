//! `rules list|show|check|activate`: the policies of matching as numbered rule sets.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use sqlx::PgPool;

use super::args::{Doing, Operator, Reason};
use super::error::{CliError, Exit};
use super::output::{Printer, Tabular, cell};
use super::wiring;
use crate::config::Config;
use crate::domain::matching::RuleSet;
use crate::store::rule_sets::{self, RuleSetRow};

#[derive(Debug, Clone, Subcommand)]
pub enum RulesCommand {
    /// Stored rule sets, the newest first
    #[command(after_help = "Examples:\n  topup rules list\n  topup rules list --output json")]
    List {
        /// Rows of one page
        #[arg(long, value_parser = clap::value_parser!(i64).range(1..=1000))]
        limit: Option<i64>,
        /// The cursor that the page before ended with
        #[arg(long, value_name = "VERSION")]
        after: Option<i32>,
    },
    /// The policies of a rule set; without a version the active one
    #[command(after_help = "Examples:\n  topup rules show\n  topup rules show 3 --output csv")]
    Show {
        /// 0 is the configuration
        version: Option<i32>,
    },
    /// Checks a file and shows its policies; needs no database
    #[command(after_help = "Example:\n  topup rules check rules.toml")]
    Check {
        /// The file, as TOML
        file: PathBuf,
    },
    /// Makes the policies of a file the active ones; a dry run without --yes
    #[command(after_help = "Examples:\n  topup rules activate rules.toml --operator alice\n  \
                            topup rules activate rules.toml --operator alice \
                            --reason 'agreed with finance' --yes\n  \
                            topup rules activate --version 2 --operator alice --yes")]
    Activate(ActivateArgs),
}

#[derive(Debug, Clone, Args)]
pub struct ActivateArgs {
    /// The file with the policies, as TOML
    #[arg(required_unless_present = "version")]
    pub file: Option<PathBuf>,
    /// A stored rule set again; 0 is the configuration
    #[arg(long, conflicts_with = "file", value_parser = clap::value_parser!(i32).range(0..))]
    pub version: Option<i32>,
    #[command(flatten)]
    pub operator: Operator,
    #[command(flatten)]
    pub reason: Reason,
    #[command(flatten)]
    pub doing: Doing,
}

impl RulesCommand {
    /// A file is checked by itself.
    pub(super) fn needs_database(&self) -> bool {
        !matches!(self, Self::Check { .. })
    }
}

/// One value of a rule set.
#[derive(Debug, Clone, Serialize)]
struct PolicyRow {
    /// `everybody`, or a customer.
    scope: String,
    policy: String,
    value: String,
}

/// One value that differs between two rule sets.
#[derive(Debug, Clone, Serialize)]
struct ChangedRow {
    scope: String,
    policy: String,
    was: Option<String>,
    becomes: Option<String>,
}

/// `check`, which needs no database.
///
/// # Errors
/// What is wrong with the file.
pub fn check(file: &std::path::Path, printer: Printer) -> Result<(), CliError> {
    let read = wiring::rule_file(file)?;
    printer.rows(&rows(&read.rules))?;
    let own = read.rules.overrides().len();
    eprintln!("The file can be used. Customers with policies of their own: {own}.");
    Ok(())
}

/// # Errors
/// What the database says, or what is wrong with a file.
pub async fn run(
    command: &RulesCommand,
    pool: &PgPool,
    config: &Config,
    printer: Printer,
) -> Result<Exit, CliError> {
    match command {
        RulesCommand::List { limit, after } => {
            printer.list(&rule_sets::list(pool, *after, printer.wanted(*limit)).await?)?;
        }
        RulesCommand::Show { version } => {
            let rules = wiring::rules(pool, config, *version).await?;
            printer.rows(&rows(&rules))?;
            eprintln!("This is rule set {}.", rules.version());
        }
        RulesCommand::Check { file } => check(file, printer)?,
        RulesCommand::Activate(args) => {
            let activated = wiring::activate_rules(pool, config, args).await?;
            printer.rows(&changed(&activated.before, &activated.after))?;
            eprintln!("{}", activated.sentence);
        }
    }
    Ok(Exit::Ok)
}

fn rows(rules: &RuleSet) -> Vec<PolicyRow> {
    let lines = rules.lines().into_iter();
    lines.map(|(scope, policy, value)| PolicyRow { scope, policy, value }).collect()
}

type Said = BTreeMap<(String, String, String), String>;

/// Limits are told apart by their currency, which stands at the end of the value.
fn said(rules: &RuleSet) -> Said {
    let lines = rules.lines().into_iter();
    let keyed = lines.map(|(scope, policy, value)| {
        let currency = value.split_once(' ').map(|(_, code)| code.to_owned());
        ((scope, policy, currency.unwrap_or_default()), value)
    });
    keyed.collect()
}

fn changed(before: &RuleSet, after: &RuleSet) -> Vec<ChangedRow> {
    let (was, becomes) = (said(before), said(after));
    let keys: std::collections::BTreeSet<_> = was.keys().chain(becomes.keys()).collect();
    let differ = keys.into_iter().filter(|key| was.get(*key) != becomes.get(*key));
    let row = |key: &(String, String, String)| ChangedRow {
        scope: key.0.clone(),
        policy: key.1.clone(),
        was: was.get(key).cloned(),
        becomes: becomes.get(key).cloned(),
    };
    differ.map(row).collect()
}

impl Tabular for PolicyRow {
    const HEADERS: &'static [&'static str] = &["of", "policy", "value"];
    const FIELDS: &'static [&'static str] = &["scope", "policy", "value"];

    fn cells(&self) -> Vec<String> {
        vec![self.scope.clone(), self.policy.clone(), self.value.clone()]
    }
}

impl Tabular for ChangedRow {
    const HEADERS: &'static [&'static str] = &["of", "policy", "was", "becomes"];
    const FIELDS: &'static [&'static str] = &["scope", "policy", "was", "becomes"];

    fn cells(&self) -> Vec<String> {
        let (was, becomes) = (cell(self.was.as_ref()), cell(self.becomes.as_ref()));
        vec![self.scope.clone(), self.policy.clone(), was, becomes]
    }
}

impl Tabular for RuleSetRow {
    const HEADERS: &'static [&'static str] =
        &["version", "active", "stored", "by", "comment", "activated", "activated by", "reason"];
    const FIELDS: &'static [&'static str] = &[
        "version",
        "active",
        "created_at",
        "operator",
        "comment",
        "activated_at",
        "activated_by",
        "reason",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.version.to_string(),
            if self.active { "yes" } else { "-" }.to_owned(),
            self.created_at.to_string(),
            self.operator.clone(),
            cell(self.comment.as_ref()),
            cell(self.activated_at.as_ref()),
            cell(self.activated_by.as_ref()),
            cell(self.reason.as_ref()),
        ]
    }
}
