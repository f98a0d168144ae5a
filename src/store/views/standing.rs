//! How things stand before and after a command, and what differs.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row};

use super::{Result, optional_amount};

const STANDING: &str = include_str!("../sql/views_standing.sql");

/// What a command names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    pub payments: Vec<String>,
    pub invoices: Vec<String>,
    pub accounts: Vec<String>,
}

impl About {
    /// With these too, each once.
    pub fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.payments, &other.payments),
            (&mut self.invoices, &other.invoices),
            (&mut self.accounts, &other.accounts),
        ];
        for (own, others) in pairs {
            for id in others {
                if !own.contains(id) {
                    own.push(id.clone());
                }
            }
        }
    }
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

/// # Errors
/// What the database says.
pub async fn of(pool: &PgPool, about: &About) -> Result<Standing> {
    let mut connection = pool.acquire().await?;
    within(&mut connection, about).await
}

/// The same as a transaction sees it.
///
/// # Errors
/// What the database says.
pub async fn within(connection: &mut PgConnection, about: &About) -> Result<Standing> {
    let query = sqlx::query(STANDING);
    let query = query.bind(&about.payments).bind(&about.invoices).bind(&about.accounts);
    let mut standing = Standing::default();
    for row in query.fetch_all(connection).await? {
        add(&mut standing, &row)?;
    }
    Ok(standing)
}

fn add(standing: &mut Standing, row: &PgRow) -> Result<()> {
    let kind: String = row.try_get("kind")?;
    let id: String = row.try_get("id")?;
    // The terms of a customer are the customer's.
    let of = format!("{} {id}", if kind == "terms" { "account" } else { kind.as_str() });
    let mark: String = row.try_get("mark")?;
    let currency: Option<String> = row.try_get("currency")?;
    let amount = match &currency {
        Some(currency) => {
            optional_amount(row, "amount")?.map(|amount| format!("{amount} {currency}"))
        }
        None => None,
    };
    let words = match kind.as_str() {
        "account" => ["state", "name", "amount"],
        "balance" => ["state", "text", "balance"],
        "invoice" => ["state", "text", "due"],
        "payer" => ["confirmations", "text", "amount"],
        "payer account" | "virtual account" => ["listed", "text", "amount"],
        "credit limit" => ["state", "text", "limit"],
        "balance level" => ["listed", "text", "amount"],
        "terms" => ["stale after days", "time zone", "amount"],
        _ => ["state", "customer", "unallocated"],
    };
    let texts = [row.try_get("state")?, row.try_get("text")?, amount];
    for (word, text) in words.into_iter().zip(texts) {
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

impl Standing {
    /// What is another in `after`.
    #[must_use]
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
