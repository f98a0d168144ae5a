//! `simulate`: what other policies would have decided. It prints as it goes and changes nothing.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::args::{Since, since};
use super::error::{CliError, Exit, Result};
use super::stream::Stream;
use super::table::table;
use super::{Place, rules};
use crate::clock::Clock;
use crate::domain::ids::{AccountId, InvoiceId};
use crate::domain::money::Money;
use crate::operator::simulate::{Difference, Totals, Verdict, simulate};
use crate::store::load::Period;
use crate::store::views::Privacy;

#[derive(Debug, Clone, Args)]
pub(super) struct SimulateArgs {
    /// The other policies: a file, as `topup rules check` reads it
    #[arg(long, value_name = "FILE")]
    pub rules: PathBuf,
    /// Payments recorded from then on: an instant, a day, or 15m, 2h, 7d ago
    #[arg(long, value_parser = since)]
    pub since: Since,
    /// Payments recorded before then; now by default
    #[arg(long, value_parser = since)]
    pub until: Option<Since>,
    /// Only this customer's payments
    #[arg(long, value_parser = AccountId::parse)]
    pub account: Option<AccountId>,
}

/// A payment that would be decided otherwise.
#[derive(Debug, Clone, Serialize)]
struct DifferenceRow {
    payment_id: String,
    /// Whether the payer is masked here.
    masked: bool,
    payer: Option<String>,
    amount: String,
    currency: String,
    change: &'static str,
    /// What was decided last, as it is stored.
    stored: Option<Decided>,
    /// By the active policies, with the book of now.
    now: Decided,
    /// By the policies of the file, with the book of now.
    then: Decided,
}

#[derive(Debug, Clone, Serialize)]
struct Decided {
    rule: String,
    outcome: String,
    reason: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pays: Vec<Pays>,
}

#[derive(Debug, Clone, Serialize)]
struct Pays {
    invoice_id: String,
    amount: String,
}

#[derive(Debug, Clone, Serialize)]
struct TotalsRow {
    payments: u64,
    differ: u64,
    stored_otherwise: u64,
    changes: Vec<ChangeRow>,
}

#[derive(Debug, Clone, Serialize)]
struct ChangeRow {
    change: &'static str,
    payments: u64,
    amount: String,
    currency: String,
}

pub(super) async fn run(args: &SimulateArgs, place: Place<'_>) -> Result<Exit> {
    let Place { pool, config, printer } = place;
    let since = args.since.instant(Clock::System);
    let until = args.until.map_or_else(|| Clock::System.now(), |at| at.instant(Clock::System));
    if since >= until {
        return Err(CliError::Usage("--since is not before --until".to_owned()));
    }
    let period = Period { since, until, account: args.account.clone() };
    let active = rules::stored(pool, config, None).await?;
    // Its version is only known once it is stored.
    let other = rules::read(&args.rules)?.rules.numbered(0, &active.global().own_accounts);
    let mut stream = Stream::new(printer);
    let privacy = printer.privacy;
    let totals = simulate(pool, (&active, &other), &period, |page| {
        let rows: Vec<DifferenceRow> = page.iter().map(|one| row(one, privacy)).collect();
        stream.rows(&rows)
    });
    let totals = totals.await?;
    stream.end::<DifferenceRow, _>(&totals_row(&totals), &sentences(&totals))?;
    Ok(Exit::Ok)
}

fn row(difference: &Difference, privacy: Privacy) -> DifferenceRow {
    let past = &difference.payment;
    let bank = &past.record.transaction;
    let payer = bank.debtor_name.as_deref().or(bank.debtor_account.as_deref());
    let stored = past.stored.as_ref().map(|stored| Decided {
        rule: stored.rule.clone(),
        outcome: stored.outcome.clone(),
        reason: stored.reason.clone(),
        pays: past.pays.iter().map(pays).collect(),
    });
    DifferenceRow {
        payment_id: past.payment_id.to_string(),
        masked: privacy.is_masked(),
        payer: payer.map(|payer| privacy.text(payer)),
        amount: past.amount.number(),
        currency: past.amount.currency().code().to_owned(),
        change: difference.change.word(),
        stored,
        now: decided(&difference.now),
        then: decided(&difference.then),
    }
}

fn pays((invoice_id, amount): &(InvoiceId, Money)) -> Pays {
    Pays { invoice_id: invoice_id.to_string(), amount: amount.number() }
}

fn decided(verdict: &Verdict) -> Decided {
    Decided {
        rule: verdict.rule.word().to_owned(),
        outcome: verdict.outcome.to_owned(),
        reason: verdict.reason.map(|reason| reason.code().to_owned()),
        pays: verdict.pays.iter().map(pays).collect(),
    }
}

impl Decided {
    fn words(&self) -> String {
        let mut words = format!("{} {}", self.rule, self.outcome);
        if let Some(reason) = &self.reason {
            words = format!("{} {reason}", self.rule);
        }
        let parts: Vec<String> =
            self.pays.iter().map(|part| format!("{} {}", part.invoice_id, part.amount)).collect();
        if parts.is_empty() { words } else { format!("{words}: {}", parts.join(", ")) }
    }
}

table!(DifferenceRow:
    payment_id masked payer amount currency change stored now then;
    row => {
        let none = || "-".to_owned();
    }
    "payment": row.payment_id, "payer": row.payer.clone().unwrap_or_else(none),
    "amount": row.amount, "currency": row.currency, "change": row.change,
    "stored": row.stored.as_ref().map_or_else(none, Decided::words), "now": row.now.words(),
    "then": row.then.words());

fn totals_row(totals: &Totals) -> TotalsRow {
    let changes = totals.changes.iter().map(|((change, currency), (payments, sum))| ChangeRow {
        change: change.word(),
        payments: *payments,
        amount: sum.number(),
        currency: currency.code().to_owned(),
    });
    TotalsRow {
        payments: totals.payments,
        differ: totals.differ,
        stored_otherwise: totals.stored_otherwise,
        changes: changes.collect(),
    }
}

/// The sums, and what they are worth.
fn sentences(totals: &Totals) -> Vec<String> {
    let (all, differ) = (totals.payments, totals.differ);
    let mut lines = vec![format!("Payments looked at: {all}. Decided otherwise: {differ}.")];
    for ((change, _), (payments, sum)) in &totals.changes {
        lines.push(format!("  {}: {payments}, {sum}", change.word()));
    }
    lines.push(
        "Each payment was decided twice, by the active policies and by those of the file, with \
         the book of now"
            .to_owned(),
    );
    lines.push("and as if it alone had not been allocated. Nothing was changed.".to_owned());
    if totals.stored_otherwise > 0 {
        lines.push(format!(
            "The active policies now decide {} of them otherwise than is stored: the book has \
             changed since.",
            totals.stored_otherwise
        ));
    }
    lines
}
