//! A file for beancount, version 3. What it rounds by itself it must not round here: amounts are
//! compared to the last digit.

use chrono::NaiveDate;

use super::{CliError, amount, facts, names, narration};
use crate::cli::escape;
use crate::store::views::ledger::{Account, Balance, Part, Posting};

pub(crate) fn head(about: &str, out: &mut String) {
    out.push_str(about);
    out.push_str("option \"title\" \"topup\"\noption \"tolerance_multiplier\" \"0\"\n");
}

pub(crate) fn part(part: &Part, after: NaiveDate, out: &mut String) -> Result<(), CliError> {
    match part {
        Part::Currency { code } => {
            out.push_str(&format!("option \"operating_currency\" {}\n", quoted(code)));
        }
        Part::Account(account) => open(account, out)?,
        Part::Posting(one) => posting(one, out)?,
        Part::Balance(one) => balance(one, after, out)?,
    }
    Ok(())
}

fn open(account: &Account, out: &mut String) -> Result<(), CliError> {
    let name = names::account(&account.ledger_account, account.account_id.as_deref())?;
    let Account { day, currencies, .. } = account;
    out.push_str(&format!("{day} open {name} {}\n", currencies.join(",")));
    if let Some(id) = &account.account_id {
        out.push_str(&format!("  customer: {}\n", quoted(&escape::text(id))));
    }
    Ok(())
}

fn posting(posting: &Posting, out: &mut String) -> Result<(), CliError> {
    out.push_str(&format!("{} * {}", posting.day, quoted(&narration(posting))));
    let payment = posting.payment_id.iter().map(|id| names::link("payment", id));
    let invoices = posting.invoices.iter().flatten().map(|id| names::link("invoice", id));
    for link in payment.chain(invoices) {
        out.push_str(" ^");
        out.push_str(&link);
    }
    out.push('\n');
    for (name, value) in facts(posting) {
        out.push_str(&format!("  {name}: {}\n", quoted(&value)));
    }
    for entry in &posting.entries {
        let name = names::account(&entry.ledger_account, entry.account_id.as_deref())?;
        out.push_str(&format!("  {name}  {}\n", amount(entry.micros, &entry.currency)?));
    }
    Ok(())
}

/// Without a tolerance of its own it would let a difference of a cent pass.
fn balance(balance: &Balance, after: NaiveDate, out: &mut String) -> Result<(), CliError> {
    let name = names::customer(&balance.account_id);
    let stated = amount(balance.micros, &balance.currency)?;
    let exact = stated.replace(' ', " ~ 0 ");
    out.push_str(&format!("{after} balance {name}  {exact}\n"));
    Ok(())
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
