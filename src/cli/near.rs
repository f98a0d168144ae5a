//! "Did you mean": the ids nearest to one that does not exist.

use super::error::{CliError, Result};
use crate::store::PgPool;
use crate::store::views::accounts::{self, AccountView};
use crate::store::views::invoices::{self, InvoiceView};
use crate::store::views::near::{self, Kind};
use crate::store::views::payments::{self, PaymentView};
use crate::store::views::{Privacy, same_id};

/// Characters that may differ.
const DISTANCE_MAX: usize = 2;
const NAMED_MAX: usize = 3;
/// Spellings of one id that are looked for; the exact one is among them.
const SAME_MAX: usize = 50;
/// How many characters at the end may be the mistyped ones.
const TAIL_MAX: usize = 3;

/// The id as it is stored: exactly this one, or the only one that is the same but for the case of
/// its letters.
pub(super) async fn resolve(pool: &PgPool, kind: Kind, id: &str) -> Result<String> {
    let mut same = same_id::of(pool, kind, id, SAME_MAX).await?;
    if same.iter().any(|one| one == id) {
        return Ok(id.to_owned());
    }
    match same.len() {
        0 => Err(unknown(pool, kind, id).await),
        1 => Ok(same.swap_remove(0)),
        _ => Err(CliError::NotFound { kind: word(kind), id: id.to_owned(), near: same }),
    }
}

pub(super) fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Account => "account",
        Kind::Invoice => "invoice",
        Kind::Payment => "payment",
    }
}

/// The same of a filter, where it was given.
pub(super) async fn filter(
    pool: &PgPool,
    kind: Kind,
    id: Option<&String>,
) -> Result<Option<String>> {
    match id {
        Some(id) => resolve(pool, kind, id).await.map(Some),
        None => Ok(None),
    }
}

/// A customer by the exact id; the error names its neighbours.
pub(super) async fn account(pool: &PgPool, id: &str) -> Result<AccountView> {
    match accounts::show(pool, id, Privacy::Masked).await? {
        Some(view) => Ok(view),
        None => Err(unknown(pool, Kind::Account, id).await),
    }
}

pub(super) async fn invoice(pool: &PgPool, id: &str) -> Result<InvoiceView> {
    match invoices::show(pool, id).await? {
        Some(view) => Ok(view),
        None => Err(unknown(pool, Kind::Invoice, id).await),
    }
}

pub(super) async fn payment(pool: &PgPool, id: &str) -> Result<PaymentView> {
    match payments::show(pool, id, Privacy::Masked).await? {
        Some(view) => Ok(view),
        None => Err(unknown(pool, Kind::Payment, id).await),
    }
}

/// The error for an id that is not there, with its neighbours if there are any.
pub(super) async fn unknown(pool: &PgPool, kind: Kind, id: &str) -> CliError {
    let near = nearby(pool, kind, id).await;
    CliError::NotFound { kind: word(kind), id: id.to_owned(), near }
}

/// The error for one of a few things that are all known here.
pub(super) fn unknown_of(kind: &'static str, id: &str, all: Vec<String>) -> CliError {
    CliError::NotFound { kind, id: id.to_owned(), near: nearest(id, all) }
}

/// The neighbours of an id. They are looked for among ids that begin alike, so that a large book
/// costs no more than a small one.
pub(super) async fn nearby(pool: &PgPool, kind: Kind, id: &str) -> Vec<String> {
    for spelling in [id.to_owned(), id.to_uppercase(), id.to_lowercase()] {
        let letters: Vec<char> = spelling.chars().collect();
        for tail in 0..=TAIL_MAX {
            let kept = letters.len().saturating_sub(tail);
            // An empty prefix is the whole book; a NUL is no text for the database.
            if kept == 0 || letters.contains(&'\0') {
                break;
            }
            let prefix: String = letters.iter().take(kept).collect();
            // The answer is a courtesy: an error here must not hide the one that is told.
            let ids = near::ids(pool, kind, &prefix).await.unwrap_or_default();
            let nearest = nearest(id, ids);
            if !nearest.is_empty() {
                return nearest;
            }
        }
    }
    Vec::new()
}

/// Those that are nearest to an id, the nearest first.
pub(super) fn nearest(id: &str, ids: Vec<String>) -> Vec<String> {
    let wanted = id.to_uppercase();
    let distance = |other: &str| strsim::osa_distance(&wanted, &other.to_uppercase());
    let mut found: Vec<(usize, String)> =
        ids.into_iter().map(|other| (distance(&other), other)).collect();
    found.retain(|(distance, _)| *distance <= DISTANCE_MAX);
    found.sort();
    found.into_iter().take(NAMED_MAX).map(|(_, other)| other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_come_first_and_strangers_not_at_all() {
        let ids = ["INV-1001", "INV-101", "INV-9999", "INV-10"].map(str::to_owned).to_vec();
        assert_eq!(nearest("INV-10l", ids), ["INV-10", "INV-101", "INV-1001"]);
        assert!(nearest("X", vec!["ACC-1001".to_owned()]).is_empty());
    }
}
