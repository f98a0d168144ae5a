//! `rules list|show|check|activate`: the policies of matching as numbered rule sets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::Place;
use super::args::{Doing, Operator, Reason};
use super::error::{CliError, Exit, Result};
use super::output::Printer;
use super::table::table;
use super::verbs::NOT_YET;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::matching::RuleSet;
use crate::operator::rules::{self, Activated, Request, RuleFile};
use crate::store::PgPool;
use crate::store::rule_sets::{self, RuleSetRow};

#[derive(Debug, Clone, Subcommand)]
pub(super) enum RulesCommand {
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
pub(super) struct ActivateArgs {
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
pub(super) fn check(file: &Path, printer: Printer) -> Result<()> {
    let read = read(file)?;
    printer.rows(&rows(&read.rules))?;
    let own = read.rules.overrides().len();
    eprintln!("The file can be used. Customers with policies of their own: {own}.");
    Ok(())
}

pub(super) async fn run(command: &RulesCommand, place: Place<'_>) -> Result<Exit> {
    let Place { pool, config, printer } = place;
    match command {
        RulesCommand::List { limit, after } => {
            printer.list(&rule_sets::list(pool, *after, printer.wanted(*limit)).await?)?;
        }
        RulesCommand::Show { version } => {
            let rules = stored(pool, config, *version).await?;
            printer.rows(&rows(&rules))?;
            eprintln!("This is rule set {}.", rules.version());
        }
        RulesCommand::Check { file } => check(file, printer)?,
        RulesCommand::Activate(args) => activate(args, place).await?,
    }
    Ok(Exit::Ok)
}

/// Reads a rule file.
pub(super) fn read(path: &Path) -> Result<RuleFile> {
    rules::read(path).map_err(|error| CliError::Usage(error.to_string()))
}

/// A stored rule set, or the active one.
pub(super) async fn stored(
    pool: &PgPool,
    config: &Config,
    version: Option<i32>,
) -> Result<RuleSet> {
    let mut connection = pool.reading().await?;
    let configured = config.policy();
    let Some(version) = version else {
        return Ok(crate::rules::active(&mut connection, &configured).await?);
    };
    let read = crate::rules::stored(&mut connection, version, &configured).await?;
    read.ok_or_else(|| CliError::not_found("rule set", &version.to_string()))
}

/// What an activation does, or would do.
async fn activate(args: &ActivateArgs, place: Place<'_>) -> Result<()> {
    let Place { pool, config, printer } = place;
    let before = stored(pool, config, None).await?;
    let version = args.version.unwrap_or_default();
    let (request, after) = match &args.file {
        Some(path) => {
            let file = read(path)?;
            let after = file.rules.clone();
            (Request::File(Box::new(file)), after)
        }
        None => (Request::Version(version), stored(pool, config, Some(version)).await?),
    };
    let by = (args.operator.operator.as_str(), args.reason.reason.as_deref());
    let (at, dry_run) = (Clock::System.now(), args.doing.dry_run());
    let sentence = match rules::activate(pool, &request, by, at, dry_run).await? {
        Activated::Unknown => {
            return Err(CliError::not_found("rule set", &version.to_string()));
        }
        Activated::Unchanged { version } => {
            format!("Rule set {version} is active already. Nothing changes.")
        }
        Activated::Done { version, new, before } => {
            let what = match (new, dry_run) {
                (true, false) => "is stored and active now",
                (false, false) => "is active now",
                (true, true) => "would be stored and become active",
                (false, true) => "would become active",
            };
            let rest = if dry_run {
                format!("Now rule set {before} is active. {NOT_YET}")
            } else {
                format!("Before, rule set {before} was active.")
            };
            format!("Rule set {version} {what}. {rest}")
        }
    };
    printer.rows(&changed(&before, &after))?;
    eprintln!("{sentence}");
    Ok(())
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

table!(PolicyRow:
    scope policy value;
    row => "of": row.scope, "policy": row.policy, "value": row.value);

table!(ChangedRow:
    scope policy was becomes;
    row => "of": row.scope, "policy": row.policy, "was": row.was, "becomes": row.becomes);

table!(RuleSetRow:
    version active created_at operator comment activated_at activated_by reason;
    row => "version": row.version, "active": if row.active { "yes" } else { "-" }.to_owned(),
    "stored": row.created_at, "by": row.operator, "comment": row.comment,
    "activated": row.activated_at, "activated by": row.activated_by, "reason": row.reason);
