//! `advices list`: remittance advices, what they name, and whose they are.

use clap::Subcommand;
use clap::builder::PossibleValuesParser;

use super::Place;
use super::args::PageArgs;
use super::empty::Filters;
use super::error::{Exit, Result};
use super::table::table;
use crate::store::views::Page;
use crate::store::views::advices::{self, AdviceRow};

const STATES: [&str; 5] = ["open", "used", "ambiguous", "expired", "ended"];

#[derive(Debug, Clone, Subcommand)]
pub(super) enum AdvicesCommand {
    /// Remittance advices, the newest first, with the payment that each belongs to
    #[command(after_help = "Examples:\n  topup advices list\n  \
        topup advices list --state open\n  topup advices list --state ambiguous --output json")]
    List {
        /// Only those that wait for a payment (open), belong to one (used), are a person's choice
        /// (ambiguous), whose payment did not come in time (expired), or that are of no use any
        /// more (ended)
        #[arg(long, value_parser = PossibleValuesParser::new(STATES))]
        state: Option<String>,
        /// Only those of this bank account of ours
        #[arg(long, value_name = "ACCOUNT")]
        bank_account: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
}

pub(super) async fn run(command: &AdvicesCommand, place: Place<'_>) -> Result<Exit> {
    let Place { pool, printer, .. } = place;
    let AdvicesCommand::List { state, bank_account, page } = command;
    let (state, bank_account) = (state.as_deref(), bank_account.as_deref());
    let of = async |page: Page| {
        Ok(advices::list(pool, state, bank_account, &page, printer.privacy).await?)
    };
    let nothing = printer.pages(page, of).await?;
    let filters = Filters::default().with("--state", state).with("--bank-account", bank_account);
    filters.tell(nothing, "remittance advice");
    Ok(Exit::Ok)
}

table!(AdviceRow:
    advice_id bank_account masked payer_account payment_reference amount currency invoices state
    used_by_payment end_reason ended_about received_at expires_at;
    row => "advice": row.advice_id, "bank account": row.bank_account, "amount": row.amount,
    "currency": row.currency, "invoices": row.invoices.join(" "), "state": row.state,
    "why": row.end_reason, "by": row.used_by_payment.as_ref().or(row.ended_about.as_ref()),
    "received": row.received_at, "expires": row.expires_at);
