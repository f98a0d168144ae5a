//! A journal for hledger. It compares amounts to as many digits as a currency's directive has: six.

use chrono::NaiveDate;

use super::{CliError, amount, facts, names, narration};
use crate::cli::escape;
use crate::store::views::ledger::{Account, Balance, Part, Posting};

pub(crate) fn head(about: &str, out: &mut String) {
    out.push_str(about);
    out.push_str("decimal-mark .\n");
}

pub(crate) fn part(part: &Part, after: NaiveDate, out: &mut String) -> Result<(), CliError> {
    match part {
        Part::Currency { code } => out.push_str(&format!("commodity 1000.000000 {code}\n")),
        Part::Account(one) => account(one, out)?,
        Part::Posting(one) => posting(one, out)?,
        Part::Balance(one) => balance(one, after, out)?,
    }
    Ok(())
}

fn account(account: &Account, out: &mut String) -> Result<(), CliError> {
    let name = names::account(&account.ledger_account, account.account_id.as_deref())?;
    out.push_str(&format!("account {name}"));
    if let Some(id) = &account.account_id {
        out.push_str(&format!("  ; customer:{}", value(&escape::text(id))));
    }
    out.push('\n');
    Ok(())
}

fn posting(posting: &Posting, out: &mut String) -> Result<(), CliError> {
    let Posting { day, posting_id, .. } = posting;
    out.push_str(&format!("{day} * ({posting_id}) {}\n", narration(posting)));
    for (name, text) in facts(posting) {
        out.push_str(&format!("    ; {name}:{}\n", value(&text)));
    }
    for entry in &posting.entries {
        let name = names::account(&entry.ledger_account, entry.account_id.as_deref())?;
        out.push_str(&format!("    {name}  {}\n", amount(entry.micros, &entry.currency)?));
    }
    Ok(())
}

/// Only an entry can say what the balance must be after it: one of nothing.
fn balance(balance: &Balance, after: NaiveDate, out: &mut String) -> Result<(), CliError> {
    let Balance { account_id, currency, micros } = balance;
    let stated = amount(*micros, currency)?;
    let name = names::customer(account_id);
    out.push_str(&format!("{after} * balance\n    {name}  0 {currency} = {stated}\n"));
    Ok(())
}

/// The value of a tag, which ends where a comma stands.
fn value(text: &str) -> String {
    text.replace('%', "%25").replace(',', "%2C")
}
