//! How things stand before and after a command, and what differs.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::time::At;
use super::{Result, optional_amount};
use crate::store::PgPool;
use crate::store::sql;

const STANDING: &str = sql!("views_standing");

/// What a command names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    pub payments: Vec<String>,
    pub invoices: Vec<String>,
    pub accounts: Vec<String>,
    /// The bank's transactions, by bank account and key.
    pub returns: Vec<(String, String)>,
    /// Other commands, by source and id.
    pub commands: Vec<(String, String)>,
}

impl About {
    /// With these too, each once.
    pub fn add(&mut self, other: &Self) {
        add_each(&mut self.payments, &other.payments);
        add_each(&mut self.invoices, &other.invoices);
        add_each(&mut self.accounts, &other.accounts);
        add_each(&mut self.returns, &other.returns);
        add_each(&mut self.commands, &other.commands);
    }
}

fn add_each<T: Clone + PartialEq>(own: &mut Vec<T>, others: &[T]) {
    for one in others {
        if !own.contains(one) {
            own.push(one.clone());
        }
    }
}

/// The first words, and the second ones.
fn columns(pairs: &[(String, String)]) -> (Vec<&str>, Vec<&str>) {
    pairs.iter().map(|(first, second)| (first.as_str(), second.as_str())).unzip()
}

/// A thing, as it is shown; what tells it from others that are shown alike; and one of its words.
type Word = (String, String, &'static str);

/// Each thing with each of its words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing(BTreeMap<Word, String>);

/// One word of one thing that is another now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `invoice INV-1`, `balance ACC-1`.
    pub of: String,
    pub what: &'static str,
    pub before: Option<String>,
    pub after: Option<String>,
}

pub async fn of(pool: &PgPool, about: &About) -> Result<Standing> {
    let mut connection = pool.reading().await?;
    within(&mut connection, about).await
}

/// The same as a transaction sees it.
pub async fn within(connection: &mut PgConnection, about: &About) -> Result<Standing> {
    let query = sqlx::query(STANDING);
    let query = query.bind(&about.payments).bind(&about.invoices).bind(&about.accounts);
    let (returns, commands) = (columns(&about.returns), columns(&about.commands));
    let query = query.bind(returns.0).bind(returns.1).bind(commands.0).bind(commands.1);
    let mut standing = Standing::default();
    for row in query.fetch_all(connection).await? {
        add(&mut standing, &row)?;
    }
    Ok(standing)
}

fn add(standing: &mut Standing, row: &PgRow) -> Result<()> {
    let kind: String = row.try_get("kind")?;
    let id: String = row.try_get("id")?;
    // The terms of a customer are the customer's, and so on.
    let thing = match kind.as_str() {
        "terms" => "account",
        "invoice made" | "invoice kept" => "invoice",
        "payment made" | "payment returned" | "payment refunded" => "payment",
        other => other,
    };
    let of = format!("{thing} {id}");
    let mark: String = row.try_get("mark")?;
    let currency: Option<String> = row.try_get("currency")?;
    let amount = match &currency {
        Some(currency) => {
            optional_amount(row, "amount")?.map(|amount| format!("{amount} {currency}"))
        }
        None => None,
    };
    let at: Option<At> = row.try_get("at")?;
    let texts = [row.try_get("state")?, row.try_get("text")?, amount, at.map(|at| at.to_string())];
    for (word, text) in words(&kind).into_iter().zip(texts) {
        if let Some(text) = text {
            // A customer has a balance in each currency.
            let of = match (&currency, kind.as_str()) {
                (Some(currency), "balance" | "credit limit") => format!("{of} {currency}"),
                _ => of.clone(),
            };
            standing.0.insert((of, mark.clone(), word), text);
        }
    }
    Ok(())
}

/// What the columns of a row of this kind are called: state, text, amount and instant.
fn words(kind: &str) -> [&'static str; 4] {
    match kind {
        "account" => ["state", "name", "amount", "at"],
        "balance" => ["state", "text", "balance", "at"],
        "invoice" => ["state", "customer", "due", "sent"],
        "invoice made" => ["reference", "due date", "amount", "stale since"],
        "invoice kept" => ["kept until", "why voided", "amount", "void candidate since"],
        "payer" => ["confirmations", "text", "amount", "at"],
        "payer account" | "virtual account" => ["listed", "text", "amount", "at"],
        "credit limit" => ["state", "text", "limit", "at"],
        "balance level" => ["listed", "text", "amount", "at"],
        "terms" => ["stale after days", "time zone", "amount", "at"],
        "payment returned" => ["state", "text", "returned", "at"],
        "payment refunded" => ["state", "text", "refunded", "at"],
        "payment made" => ["state", "text", "amount", "at"],
        "return" => ["state", "why parked", "amount", "at"],
        "command" => ["outcome", "code", "amount", "at"],
        _ => ["state", "customer", "unallocated", "at"],
    }
}

impl Standing {
    /// What is another in `after`.
    pub fn differences(&self, after: &Self) -> Vec<Difference> {
        let keys: std::collections::BTreeSet<_> = self.0.keys().chain(after.0.keys()).collect();
        let mut found = Vec::new();
        for key in keys {
            let (before, now) = (self.0.get(key), after.0.get(key));
            if before != now {
                found.push(Difference {
                    of: key.0.clone(),
                    what: key.2,
                    before: before.cloned(),
                    after: now.cloned(),
                });
            }
        }
        found
    }
}
