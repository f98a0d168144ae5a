//! `review list|confirm|reject|aliases|uses`. Confirm and reject only say what they would do
//! unless `--yes`.

use clap::{Args, Subcommand};
use serde::Serialize;
use sqlx::PgPool;

use super::args::{Operator, PageArgs, Since, since};
use super::error::{CliError, Exit};
use super::output::{Printer, Tabular, cell};
use super::wiring;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::allocation::Rule;
use crate::domain::payment::ParkReason;
use crate::store::views::review::{self, AliasRow, ReviewFilter, ReviewRow, UseRow};

#[derive(Debug, Clone, Subcommand)]
pub enum ReviewCommand {
    /// Suggestions and parked payments, the oldest first
    #[command(after_help = "Examples:\n  topup review list\n  \
                            topup review list --account ACC-1001 --output json\n  \
                            topup review list --reason amount_only --older-than 2d")]
    List {
        /// Only of this customer
        #[arg(long)]
        account: Option<String>,
        /// Only with this reason, a code such as `amount_only`
        #[arg(long, hide_possible_values = true,
              value_parser = ParkReason::ALL.map(ParkReason::code))]
        reason: Option<String>,
        /// Only by this rule, such as `R9`
        #[arg(long, hide_possible_values = true, value_parser = Rule::ALL.map(Rule::word))]
        rule: Option<String>,
        /// Only what has waited so long (2h, 7d), or since before that instant or day
        #[arg(long, value_parser = since)]
        older_than: Option<Since>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Allocates what was suggested; everything is checked again before
    #[command(after_help = "Example:\n  topup review confirm 1048577-1 --operator alice --yes")]
    Confirm {
        #[command(flatten)]
        which: Suggestions,
    },
    /// Never suggests it for this payment again
    #[command(after_help = "Example:\n  topup review reject 1048577-1 --operator alice \
                            --reason 'another customer' --yes")]
    Reject {
        #[command(flatten)]
        which: Suggestions,
        /// Why; it is kept with the suggestion
        #[arg(long)]
        reason: Option<String>,
    },
    /// Payers' accounts that confirmations linked to customers
    #[command(after_help = "Examples:\n  topup review aliases\n  \
                            topup review aliases --account ACC-1001 --unmasked")]
    Aliases {
        /// Only of this customer
        #[arg(long)]
        account: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// What made those links, and the decisions that rested on them
    #[command(after_help = "Example:\n  topup review uses --account ACC-1001 --output csv")]
    Uses {
        /// Only of this customer
        #[arg(long)]
        account: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
}

#[derive(Debug, Clone, Args)]
pub struct Suggestions {
    #[arg(required = true, value_name = "SUGGESTION")]
    pub suggestions: Vec<String>,
    #[command(flatten)]
    pub operator: Operator,
    /// Do it
    #[arg(long)]
    pub yes: bool,
}

/// What became of one suggestion.
#[derive(Debug, Clone, Serialize)]
pub struct SaidRow {
    pub suggestion_id: String,
    pub outcome: String,
    pub detail: Option<String>,
    #[serde(skip)]
    pub done: bool,
}

/// # Errors
/// What the database says.
pub async fn run(
    command: ReviewCommand,
    pool: &PgPool,
    config: &Config,
    printer: Printer,
) -> Result<Exit, CliError> {
    let said = match command {
        ReviewCommand::List { account, reason, rule, older_than, page } => {
            let before = older_than.map(|since| since.instant(Clock::System));
            let filter = ReviewFilter { account, reason, rule, before };
            let listed = review::list(pool, &filter, &page.page(), printer.privacy).await?;
            printer.list(&listed)?;
            return Ok(Exit::Ok);
        }
        ReviewCommand::Aliases { account, page } => {
            let account = account.as_deref();
            let listed = review::aliases(pool, account, &page.page(), printer.privacy).await?;
            printer.list(&listed)?;
            return Ok(Exit::Ok);
        }
        ReviewCommand::Uses { account, page } => {
            let account = account.as_deref();
            let listed = review::uses(pool, account, &page.page(), printer.privacy).await?;
            printer.list(&listed)?;
            return Ok(Exit::Ok);
        }
        ReviewCommand::Confirm { which } => {
            wiring::confirm_suggestions(pool, config, &which).await?
        }
        ReviewCommand::Reject { which, reason } => {
            wiring::reject_suggestions(pool, config, &which, reason.as_deref()).await?
        }
    };
    printer.rows(&said)?;
    Ok(if said.iter().all(|row| row.done) { Exit::Ok } else { Exit::Failed })
}

impl Tabular for ReviewRow {
    const HEADERS: &'static [&'static str] = &[
        "suggestion",
        "payment",
        "recorded",
        "customer",
        "currency",
        "unallocated",
        "invoices",
        "amount",
        "rule",
        "payer",
        "why",
    ];

    fn cells(&self) -> Vec<String> {
        let chosen = self.suggestion_id.is_some();
        vec![
            cell(self.suggestion_id.as_ref()),
            self.payment_id.clone(),
            self.recorded_at.to_string(),
            cell(self.account_id.as_ref()),
            self.currency.clone(),
            self.unallocated.clone(),
            self.invoices.join(" + "),
            if chosen { self.proposed.clone() } else { String::new() },
            cell(self.rule.as_ref()),
            cell(self.payer_name.as_ref().or(self.payer_account.as_ref())),
            self.evidence.clone(),
        ]
    }
}

impl Tabular for AliasRow {
    const HEADERS: &'static [&'static str] =
        &["payer's account", "customer", "strength", "confirmations", "last used", "demoted"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.payer_account.clone(),
            self.account_id.clone(),
            self.strength.to_owned(),
            self.confirmations.to_string(),
            self.last_used_on.to_string(),
            cell(self.demoted_at.as_ref()),
        ]
    }
}

impl Tabular for UseRow {
    const HEADERS: &'static [&'static str] = &[
        "use",
        "payer's account",
        "customer",
        "what",
        "payment",
        "decision",
        "suggestion",
        "on",
        "because of",
        "recorded",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.use_id.to_string(),
            self.payer_account.clone(),
            self.account_id.clone(),
            self.kind.clone(),
            self.payment_id.clone(),
            cell(self.decision_id.as_ref()),
            cell(self.suggestion_id.as_ref()),
            self.used_on.to_string(),
            self.caused_by.clone(),
            self.recorded_at.to_string(),
        ]
    }
}

impl Tabular for SaidRow {
    const HEADERS: &'static [&'static str] = &["suggestion", "outcome", "detail"];

    fn cells(&self) -> Vec<String> {
        vec![self.suggestion_id.clone(), self.outcome.clone(), cell(self.detail.as_ref())]
    }
}
