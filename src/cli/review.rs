//! `review list|confirm|reject|aliases|uses`. Confirm and reject are dry runs without
//! `--yes`.

use clap::Subcommand;

use super::args::{self, PageArgs, Since, since};
use super::empty::Filters;
use super::error::{CliError, Exit};
use super::near;
use super::review_verbs::{self, Suggestions};
use super::table::table;
use super::verbs::Place;
use crate::clock::Clock;
use crate::operator::review::Word;
use crate::store::views::Page;
use crate::store::views::near::Kind;
use crate::store::views::review::{self, AliasRow, ReviewFilter, ReviewRow, UseRow};

#[derive(Debug, Clone, Subcommand)]
pub(super) enum ReviewCommand {
    /// Suggestions and parked payments, the oldest first
    #[command(after_help = "Examples:\n  topup review list\n  \
                            topup review list --account ACC-1001 --output json\n  \
                            topup review list --reason amount_only --older-than 2d")]
    List {
        /// Only of this customer
        #[arg(long)]
        account: Option<String>,
        /// Only with this reason, a code such as `amount_only`
        #[arg(long, value_parser = args::reason)]
        reason: Option<String>,
        /// Only by this rule, such as `R9`
        #[arg(long, value_parser = args::rule)]
        rule: Option<String>,
        /// Only what has waited so long (2h, 7d), or since before that instant or day
        #[arg(long, value_parser = since)]
        older_than: Option<Since>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Allocates what was suggested; everything is checked again before
    #[command(after_help = "Example:\n  topup review confirm 1048577-1 --operator alice --yes")]
    Confirm(Suggestions),
    /// Never suggests it for this payment again
    #[command(after_help = "Example:\n  topup review reject 1048577-1 --operator alice \
                            --reason 'another customer' --yes")]
    Reject(Suggestions),
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

pub(super) async fn run(command: &ReviewCommand, place: Place<'_>) -> Result<Exit, CliError> {
    let Place { pool, printer, .. } = place;
    match command {
        ReviewCommand::List { account, reason, rule, older_than, page } => {
            let before = older_than.map(|since| since.instant(Clock::System));
            let filter = ReviewFilter {
                account: near::filter(pool, Kind::Account, account.as_ref()).await?,
                reason: reason.clone(),
                rule: rule.clone(),
                before,
            };
            let privacy = printer.privacy;
            let of = async |page: Page| Ok(review::list(pool, &filter, &page, privacy).await?);
            let nothing = printer.pages(page, of).await?;
            let filters = Filters::default().with("--account", filter.account.as_ref());
            let filters = filters.with("--reason", filter.reason.as_ref());
            let filters = filters.with("--rule", filter.rule.as_ref());
            filters.with("--older-than", *older_than).tell(nothing, "suggestion or parked payment");
        }
        ReviewCommand::Aliases { account, page } => {
            let account = near::filter(pool, Kind::Account, account.as_ref()).await?;
            let account = account.as_deref();
            let privacy = printer.privacy;
            let of = async |page: Page| {
                let after = numbered(page.after.as_deref())?;
                Ok(review::aliases(pool, account, after, &page, privacy).await?)
            };
            let nothing = printer.pages(page, of).await?;
            Filters::default().with("--account", account).tell(nothing, "known payer");
        }
        ReviewCommand::Uses { account, page } => {
            let account = near::filter(pool, Kind::Account, account.as_ref()).await?;
            let account = account.as_deref();
            let privacy = printer.privacy;
            let of = async |page: Page| {
                let after = numbered(page.after.as_deref())?;
                Ok(review::uses(pool, account, after, &page, privacy).await?)
            };
            let nothing = printer.pages(page, of).await?;
            Filters::default().with("--account", account).tell(nothing, "confirmation");
        }
        ReviewCommand::Confirm(which) => {
            return review_verbs::run(Word::Confirm, which, place).await;
        }
        ReviewCommand::Reject(which) => {
            return review_verbs::run(Word::Reject, which, place).await;
        }
    }
    Ok(Exit::Ok)
}

/// The number that the page before ended with.
fn numbered(after: Option<&str>) -> Result<Option<i64>, CliError> {
    let problem = "--after takes the cursor that the page before ended with";
    after.map(str::parse).transpose().map_err(|_| CliError::Usage(problem.to_owned()))
}

impl ReviewRow {
    /// The amount and the invoices that it would be for, and the payments that give the rest.
    fn meant(&self) -> String {
        if self.suggestion_id.is_none() {
            return String::new();
        }
        let with = match self.with_payments.as_slice() {
            [] => String::new(),
            others => format!(", with {}", others.join(" + ")),
        };
        format!("{} for {}{with}", self.proposed, self.invoices.join(" + "))
    }
}

// One payment may have several suggestions: a sum would count its money as often.
table!(ReviewRow, no sums:
    suggestion_id payment_id recorded_at account_id currency unallocated invoices with_payments
    proposed state reason rule masked payer_name payer_account evidence;
    row => {
        // The day is enough to see what has waited longest.
        let recorded = row.recorded_at.to_string();
        let recorded = recorded.split_once('T').map_or(recorded.as_str(), |(day, _)| day);
    }
    "suggestion": row.suggestion_id, "payment": row.payment_id, "recorded": recorded,
    "customer": row.account_id, "currency": row.currency, "unallocated": row.unallocated,
    "for": row.meant(), "rule": row.rule,
    "payer": row.payer_name.as_ref().or(row.payer_account.as_ref()), "why": row.evidence);

table!(AliasRow:
    masked payer_account account_id strength confirmations last_used_on demoted_at;
    row => "payer's account": row.payer_account, "customer": row.account_id,
    "strength": row.strength, "confirmations": row.confirmations, "last used": row.last_used_on,
    "demoted": row.demoted_at);

table!(UseRow:
    use_id masked payer_account account_id kind payment_id decision_id suggestion_id used_on
    caused_by recorded_at;
    row => "use": row.use_id, "payer's account": row.payer_account, "customer": row.account_id,
    "what": row.kind, "payment": row.payment_id, "decision": row.decision_id,
    "suggestion": row.suggestion_id, "on": row.used_on, "because of": row.caused_by,
    "recorded": row.recorded_at);
