//! `accounts upsert|close|reopen`.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::args;
use super::error::{CliError, Exit};
use super::near;
use super::verbs::{Ask, NewCustomer, Place, ask};
use crate::operator::orders::Fields;
use crate::store::views::near::Kind;
use crate::store::views::{Privacy, accounts};

#[derive(Debug, Clone, Subcommand)]
pub(super) enum AccountVerb {
    /// Creates or changes a customer; what is not given stays as it is
    #[command(after_help = "Examples:\n  topup accounts upsert ACC-1001 --name 'Acme Pte Ltd' \
        --operator alice --yes\n  topup accounts upsert ACC-1001 --name 'Acme Pte Ltd' \
        --payer-account DE89370400440532013000 --credit-limit SGD=50.00 \
        --balance-level SGD=20.00 --operator alice")]
    Upsert(Box<UpsertArgs>),
    /// Closes a customer: no invoice and no money more, until it is opened again
    #[command(after_help = "Example:\n  topup accounts close ACC-1001 --operator alice \
        --reason 'customer left' --yes")]
    Close(OneArgs),
    /// Opens a closed customer again
    #[command(after_help = "Example:\n  topup accounts reopen ACC-1001 --operator alice --yes")]
    Reopen(OneArgs),
}

#[derive(Debug, Clone, Args)]
pub(super) struct OneArgs {
    /// The customer, as `topup accounts list` names it
    account_id: String,
    #[command(flatten)]
    ask: Ask,
}

#[derive(Debug, Clone, Args)]
pub(super) struct UpsertArgs {
    /// The customer's id: letters, digits and `-_.:`
    account_id: String,
    #[command(flatten)]
    new: NewCustomer,
    /// What the customer is called
    #[arg(long)]
    name: String,
    /// A payer's account of this customer; all that are given replace those that are known
    #[arg(long = "payer-account", value_name = "NUMBER")]
    payer_accounts: Vec<String>,
    /// An account that only this customer pays into; the same
    #[arg(long = "virtual-account", value_name = "NUMBER")]
    virtual_accounts: Vec<String>,
    /// How far the balance may go below zero: CURRENCY=AMOUNT
    #[arg(long = "credit-limit", value_name = "CURRENCY=AMOUNT", value_parser = args::money)]
    credit_limits: Vec<(String, String)>,
    /// A level: a balance that crosses it makes an event; several of one currency may be given
    #[arg(long = "balance-level", value_name = "CURRENCY=AMOUNT", value_parser = args::money)]
    balance_levels: Vec<(String, String)>,
    /// No levels in this currency
    #[arg(long = "no-balance-level", value_name = "CURRENCY", value_parser = args::currency)]
    no_balance_levels: Vec<String>,
    /// Days after which an invoice that is not paid may be voided
    #[arg(long, value_name = "DAYS")]
    stale_after_days: Option<u32>,
    /// An IANA name, such as Asia/Singapore
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    #[command(flatten)]
    ask: Ask,
}

impl UpsertArgs {
    /// The levels by currency; an empty list means none.
    fn levels(&self) -> Option<Value> {
        let mut levels: Map<String, Value> = Map::new();
        for (currency, amount) in &self.balance_levels {
            let of = levels.entry(currency.clone()).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(of) = of {
                of.push(amount.clone().into());
            }
        }
        for currency in &self.no_balance_levels {
            levels.entry(currency.clone()).or_insert_with(|| Value::Array(Vec::new()));
        }
        (!levels.is_empty()).then_some(Value::Object(levels))
    }
}

pub(super) async fn run(verb: &AccountVerb, place: Place<'_>) -> Result<Exit, CliError> {
    match verb {
        AccountVerb::Upsert(args) => {
            args.new.check_near(place, &args.account_id).await?;
            let some = |numbers: &[String]| (!numbers.is_empty()).then(|| numbers.to_vec());
            let limits: Map<String, Value> =
                args.credit_limits.iter().map(|(c, a)| (c.clone(), a.clone().into())).collect();
            let fields = Fields::default()
                .with("account_id", args.account_id.as_str())
                .with("name", args.name.as_str())
                .maybe("payer_accounts", some(&args.payer_accounts))
                .maybe("virtual_accounts", some(&args.virtual_accounts))
                .maybe("credit_limits", (!limits.is_empty()).then_some(Value::Object(limits)))
                .maybe("balance_levels", args.levels())
                .maybe("stale_after_days", args.stale_after_days)
                .maybe("time_zone", args.time_zone.as_deref());
            ask(place, &args.ask, "topup.account.upsert.v1", fields).await
        }
        AccountVerb::Close(args) => {
            let fields = of(&args.account_id, place).await?;
            ask(place, &args.ask, "topup.account.close.v1", fields).await
        }
        AccountVerb::Reopen(args) => {
            let fields = of(&args.account_id, place).await?;
            ask(place, &args.ask, "topup.account.reopen.v1", fields).await
        }
    }
}

/// A customer that is known: nobody closes a mistyped one.
async fn of(account_id: &str, place: Place<'_>) -> Result<Fields, CliError> {
    let Some(view) = accounts::show(place.pool, account_id, Privacy::Masked).await? else {
        return Err(near::unknown(place.pool, Kind::Account, account_id).await);
    };
    Ok(Fields::default().with("account_id", view.account_id))
}
