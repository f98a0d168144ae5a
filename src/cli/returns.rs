//! `returns list|take|end`. What a person says of a parked return is the ordinary command.

use clap::{Args, Subcommand};

use super::args::PageArgs;
use super::error::{Exit, Result};
use super::table::table;
use super::verbs::{Ask, ask, id_and_amount, part};
use super::{Place, near};
use crate::operator::orders::Fields;
use crate::store::views::Page;
use crate::store::views::returns::{self, ParkedReturn};
use crate::store::views::standing::About;

#[derive(Debug, Clone, Subcommand)]
pub(super) enum ReturnsCommand {
    /// Returns that are parked, with why, the longest parked first
    #[command(after_help = "Examples:\n  topup returns list\n  topup returns list --output json")]
    List {
        #[command(flatten)]
        page: PageArgs,
    },
    /// Says which payments a parked return takes, or which get back what it undoes
    #[command(after_help = "Example:\n  topup returns take DBS-1 reversal:R-7 --account ACC-1001 \
        --payment PAY-9=100.00 --fee 3.00 --operator alice --reason 'the bank told us' --yes")]
    Take(TakeArgs),
    /// Ends a parked return that takes nothing: it was settled in another way
    #[command(after_help = "Example:\n  topup returns end DBS-1 reversal:R-7 --account ACC-1001 \
        --operator alice --reason 'recorded by hand, removed' --yes")]
    End(WhichArgs),
}

#[derive(Debug, Clone, Args)]
pub(super) struct TakeArgs {
    #[command(flatten)]
    pub which: WhichArgs,
    /// A payment, with how much of it: PAYMENT=AMOUNT; of a single one the amount may be left out
    #[arg(long = "payment", value_name = "PAYMENT", required = true)]
    pub payments: Vec<String>,
    /// What of it the bank took as its fee, or gives back of that: the house's
    #[arg(long, value_name = "AMOUNT")]
    pub fee: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub(super) struct WhichArgs {
    /// The bank account of ours, as `topup returns list` names it
    pub bank_account: String,
    /// The return's key there, such as reversal:R-7
    pub bank_key: String,
    /// The customer whose money it is about
    #[arg(long)]
    pub account: String,
    #[command(flatten)]
    pub ask: Ask,
}

pub(super) async fn run(command: &ReturnsCommand, place: Place<'_>) -> Result<Exit> {
    match command {
        ReturnsCommand::List { page } => {
            let Place { pool, printer, .. } = place;
            let of = async |page: Page| Ok(returns::parked(pool, &page).await?);
            printer.pages(page, of).await?;
            Ok(Exit::Ok)
        }
        ReturnsCommand::Take(args) => {
            let (mut about, mut taken) = (About::default(), Vec::new());
            for text in &args.payments {
                let (id, amount) = id_and_amount(text);
                let id = known(id, place, &mut about).await?;
                taken.push(part("payment_id", &id, amount));
            }
            let fields = Fields::default().with("action", "take").with("payments", taken);
            say(place, &args.which, fields.maybe("fee", args.fee.as_deref()).about(&about)).await
        }
        ReturnsCommand::End(which) => {
            say(place, which, Fields::default().with("action", "end")).await
        }
    }
}

/// A payment by its id, to be looked at before and after with its parts and whose they are.
async fn known(id: &str, place: Place<'_>, about: &mut About) -> Result<String> {
    let view = near::payment(place.pool, id).await?;
    let parts = || view.parts.iter();
    let payments = parts().map(|part| part.part_id.clone()).chain([view.row.payment_id.clone()]);
    let accounts = parts().map(|part| part.account_id.clone()).chain(view.row.account_id.clone());
    let (payments, accounts) = (payments.collect(), accounts.collect());
    about.add(&About { payments, accounts, ..About::default() });
    Ok(view.row.payment_id)
}

async fn say(place: Place<'_>, which: &WhichArgs, fields: Fields) -> Result<Exit> {
    let returns = vec![(which.bank_account.clone(), which.bank_key.clone())];
    let fields = fields
        .with("account_id", which.account.as_str())
        .with("bank_account", which.bank_account.as_str())
        .with("bank_key", which.bank_key.as_str())
        .about(&About { returns, ..About::default() });
    ask(place, &which.ask, "topup.return.resolve.v1", fields).await
}

table!(ParkedReturn:
    bank_account bank_key amount currency booking_date names why looks_like booked_as parked_at
    tried_at;
    row => "bank account": row.bank_account, "key": row.bank_key, "amount": row.amount,
    "currency": row.currency, "booked": row.booking_date, "names": row.names,
    "why": row.booked_as.as_ref().map_or_else(
        || row.why.clone(),
        |key| format!("{}: what it names was told twice, booked as {key}", row.why),
    ),
    "looks like": row.looks_like, "parked": row.parked_at, "tried": row.tried_at);
