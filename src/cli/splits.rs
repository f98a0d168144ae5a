//! `payments split|unsplit`, and how parts are shown.

use clap::Args;
use serde_json::{Value, json};

use super::error::{CliError, Exit, Result};
use super::output::Text;
use super::table::table;
use super::verbs::{Ask, NewCustomer, ask, id_and_amount, part};
use super::{Place, args, near};
use crate::domain::money::Currency;
use crate::domain::payment::PaymentState;
use crate::operator::orders::Fields;
use crate::store::views::payments::{self, PartRow};
use crate::store::views::standing::About;
use crate::store::views::{Privacy, written};

#[derive(Debug, Clone, Args)]
pub(super) struct SplitArgs {
    /// The payment, as `topup payments list` names it
    payment_id: String,
    /// What one customer gets: ACCOUNT=AMOUNT, then /INVOICE or /INVOICE=AMOUNT for each invoice
    /// that it pays at once
    #[arg(long = "part", value_name = "PART", value_parser = share,
          required_unless_present = "invoices")]
    parts: Vec<Share>,
    /// An invoice that is paid with it, for its customer: INVOICE, or INVOICE=AMOUNT; without an
    /// amount what is due
    #[arg(long = "invoice", value_name = "INVOICE")]
    invoices: Vec<String>,
    #[command(flatten)]
    new: NewCustomer,
    #[command(flatten)]
    ask: Ask,
}

#[derive(Debug, Clone, Args)]
pub(super) struct UnsplitArgs {
    /// The payment that was split
    payment_id: String,
    #[command(flatten)]
    ask: Ask,
}

/// Invoices that are paid at once, with an amount or as much as fits.
type Pays = Vec<(String, Option<String>)>;

/// What one customer gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Share {
    account: String,
    amount: String,
    invoices: Pays,
}

/// Reads `ACC-1=60.50/INV-1001/INV-1002=10.00`. None of the signs may be in an id.
fn share(text: &str) -> Result<Share, String> {
    let expected = "expected ACCOUNT=AMOUNT, then /INVOICE or /INVOICE=AMOUNT";
    let mut words = text.split('/');
    let first = words.next().and_then(|word| word.split_once('='));
    let (account, amount) = first.ok_or(expected)?;
    let invoices = words.map(id_and_amount);
    let invoices = invoices.map(|(invoice, of)| (invoice.to_owned(), of.map(str::to_owned)));
    let (account, amount) = (account.to_owned(), amount.to_owned());
    Ok(Share { account, amount, invoices: invoices.collect() })
}

pub(super) async fn split(args: &SplitArgs, place: Place<'_>) -> Result<Exit> {
    let view = near::payment(place.pool, &args.payment_id).await?;
    let parts = shares(args, &view.row.currency, place).await?;
    for share in &parts {
        args.new.check(place, &share.account).await?;
    }
    let first = parts.first().map(|share| share.account.clone());
    let fields = Fields::default()
        .with("payment_id", view.row.payment_id)
        .maybe("account_id", view.row.account_id.or(first))
        .with("parts", parts.iter().map(given).collect::<Vec<Value>>());
    ask(place, &args.ask, "topup.payment.split.v1", fields).await
}

/// The parts that are named, and those that the invoices make: one for each customer.
async fn shares(args: &SplitArgs, currency: &str, place: Place<'_>) -> Result<Vec<Share>> {
    let mut parts = args.parts.clone();
    let mut sums: Vec<(String, i64, Pays)> = Vec::new();
    for text in &args.invoices {
        let (id, given) = id_and_amount(text);
        let row = near::invoice(place.pool, id).await?.row;
        let amount = given.unwrap_or(&row.amount_due).to_owned();
        let micros = args::amount(&amount).map_err(|why| {
            CliError::Usage(format!("--invoice {id}: the amount {amount}: {why}"))
        })?;
        let paid = (row.invoice_id, Some(amount));
        match sums.iter_mut().find(|sum| sum.0 == row.account_id) {
            Some((_, sum, pays)) => {
                let more = sum.checked_add(micros);
                *sum = more.ok_or_else(|| CliError::Usage("the sum is too large".to_owned()))?;
                pays.push(paid);
            }
            None => sums.push((row.account_id, micros, vec![paid])),
        }
    }
    let currency = Currency::parse(currency).map_err(|error| CliError::failed(&error))?;
    parts.extend(sums.into_iter().map(|(account, sum, invoices)| {
        let amount = written(i128::from(sum), currency);
        Share { account, amount, invoices }
    }));
    Ok(parts)
}

pub(super) async fn unsplit(args: &UnsplitArgs, place: Place<'_>) -> Result<Exit> {
    let view = near::payment(place.pool, &args.payment_id).await?;
    let live = view.parts.iter().find(|part| part.undone_at.is_none());
    // Of a payment without a customer and without parts nobody can say whose the act is.
    let owner = live.map(|part| part.account_id.clone());
    let owner = view.row.account_id.or(owner).unwrap_or_else(|| "nobody".to_owned());
    let mut fields =
        Fields::default().with("payment_id", view.row.payment_id).with("account_id", owner);
    // What the parts gave to others goes back too.
    for part in view.parts.iter().filter(|part| part.undone_at.is_none()) {
        let shown = payments::show(place.pool, &part.part_id, Privacy::Masked).await?;
        let paid = shown.iter().flat_map(|shown| &shown.allocations);
        fields = fields.about(&About {
            accounts: vec![part.account_id.clone()],
            payments: vec![part.part_id.clone()],
            invoices: paid.map(|paid| paid.invoice_id.clone()).collect(),
            ..About::default()
        });
    }
    ask(place, &args.ask, "topup.payment.unsplit.v1", fields).await
}

fn given(share: &Share) -> Value {
    let pays = share.invoices.iter().map(|(id, of)| part("invoice_id", id, of.as_deref()));
    json!({
        "account_id": share.account,
        "amount": share.amount,
        "allocations": pays.collect::<Vec<_>>(),
    })
}

/// The parts of a payment, or what it is a part of; nothing where it has to do with no split.
pub(super) fn parts(rows: &[PartRow], payment_id: &str, text: &mut Text) {
    match rows {
        [] => {}
        [own] if own.part_id == payment_id => {
            text.line(&format!("It is part {} of payment {}.", own.part, own.payment_id));
        }
        _ => text.section("Parts", rows),
    }
}

/// The same in words, for the explanation of a payment.
pub(super) fn told(rows: &[PartRow], payment_id: &str) -> Vec<String> {
    let one = |row: &PartRow| {
        let why = row.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let given = format!("{} {}", row.amount, row.currency);
        let made = if row.part_id == payment_id {
            format!("A person split it off payment {} at {}{why}.", row.payment_id, row.split_at)
        } else {
            let (owner, part) = (&row.account_id, &row.part_id);
            format!("A person gave {given} of it to {owner} at {}, as {part}{why}.", row.split_at)
        };
        format!("{made}{}", since(row))
    };
    rows.iter().map(one).collect()
}

/// What became of a part since it was made.
fn since(row: &PartRow) -> String {
    let Some(at) = &row.undone_at else {
        let gone = if row.state == PaymentState::Removed.word() {
            " A person has removed it since: its money is out of the books."
        } else if row.state == PaymentState::Returned.word() {
            " All of it is at the bank again."
        } else {
            ""
        };
        return gone.to_owned();
    };
    let who = if row.return_id.is_some() { "The bank" } else { "A person" };
    let why = row.undone_reason.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    let again =
        if row.state == PaymentState::Returned.word() { "" } else { " It has money again since." };
    format!(" {who} took that back at {at}{why}.{again}")
}

table!(PartRow;
    row => "part": row.part_id, "customer": row.account_id, "amount": row.amount,
    "currency": row.currency, "state": row.state, "split": row.split_at, "went back": row.undone_at,
    "reason": row.undone_reason.as_ref().or(row.reason.as_ref()));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::views::time::At;

    #[test]
    fn a_part_says_where_its_money_went() {
        let at = || At(chrono::DateTime::default());
        let row = |state: &str, undone: bool, return_id: Option<i64>| PartRow {
            part_id: "P-1".to_owned(),
            payment_id: "P".to_owned(),
            part: 1,
            account_id: "B".to_owned(),
            currency: "SGD".to_owned(),
            amount: "40.00".to_owned(),
            state: state.to_owned(),
            reason: None,
            split_at: at(),
            undone_at: undone.then(at),
            return_id,
            undone_reason: None,
        };
        let ends = [
            (row("allocated", false, None), "as P-1.".to_owned()),
            (row("removed", false, None), "its money is out of the books.".to_owned()),
            (row("returned", false, None), "All of it is at the bank again.".to_owned()),
            (row("returned", true, None), format!("A person took that back at {}.", at())),
            (row("returned", true, Some(7)), format!("The bank took that back at {}.", at())),
            (row("on_account", true, Some(7)), "It has money again since.".to_owned()),
        ];
        for (row, end) in ends {
            let told = told(&[row], "P").remove(0);
            assert!(told.starts_with("A person gave 40.00 SGD of it to B at "), "{told}");
            assert!(told.ends_with(&end), "{told}");
        }
    }

    #[test]
    fn a_part_is_an_account_an_amount_and_perhaps_invoices() {
        let one = share("ACC:1=60.50/INV-1/INV-2=10").expect("a part");
        assert_eq!((one.account.as_str(), one.amount.as_str()), ("ACC:1", "60.50"));
        let pays = [("INV-1".to_owned(), None), ("INV-2".to_owned(), Some("10".to_owned()))];
        assert_eq!(one.invoices, pays);
        assert!(share("ACC=5").expect("a part").invoices.is_empty());
        for bad in ["", "ACC-1", "/INV-1"] {
            assert!(share(bad).is_err(), "{bad}");
        }
    }
}
