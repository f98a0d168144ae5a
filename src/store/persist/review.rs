//! Suggestions, what became of them, and what is learnt. Payments that are matched write none of
//! it, unless the match rests on an alias.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};

use super::{BatchWrite, expect_rows, micros};
use crate::domain::effect::Effect;
use crate::domain::ids::{PaymentId, RecordId};
use crate::domain::matching::payer::customers_of;
use crate::domain::payment::PaymentState;
use crate::domain::review::{AliasUse, PayerLink, ReviewEffect, Suggestion, SuggestionStatus};
use crate::domain::working_set::WorkingSet;
use crate::store::{StoreError, Tx, sql};

fn effects(write: &BatchWrite) -> impl Iterator<Item = &ReviewEffect> {
    write.effects.iter().filter_map(|effect| {
        if let Effect::Review(review) = effect { Some(review.as_ref()) } else { None }
    })
}

/// New suggestions, then what persons said, then what is superseded.
pub(super) async fn suggestions(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    after: &WorkingSet,
    write: &BatchWrite,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut added: Vec<&Suggestion> = Vec::new();
    for effect in effects(write) {
        if let ReviewEffect::Suggest(suggestions) = effect {
            added.extend(suggestions);
        }
    }
    insert(tx, &added, at).await?;
    resolve(tx, write, at).await?;
    supersede(tx, before, after, write, &added, at).await
}

async fn insert(
    tx: &mut Tx<'_>,
    added: &[&Suggestion],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    if added.is_empty() {
        return Ok(());
    }
    let (mut currencies, mut of, mut invoices, mut amounts) = (vec![], vec![], vec![], vec![]);
    let (mut with_of, mut others, mut added_by) = (vec![], vec![], vec![]);
    for suggestion in added {
        currencies.push(suggestion.parts.first().map(|part| part.1.code()));
        for (invoice_id, amount) in &suggestion.parts {
            of.push(suggestion.id.as_str());
            invoices.push(invoice_id.as_str());
            amounts.push(micros(*amount)?);
        }
        for (payment_id, amount) in &suggestion.with {
            with_of.push(suggestion.id.as_str());
            others.push(payment_id.as_str());
            added_by.push(micros(*amount)?);
        }
    }
    sqlx::query(sql!("insert_suggestions"))
        .bind(added.iter().map(|s| s.id.as_str()).collect::<Vec<_>>())
        .bind(added.iter().map(|s| s.payment_id.as_str()).collect::<Vec<_>>())
        .bind(added.iter().map(|s| s.decision_id.0).collect::<Vec<_>>())
        .bind(added.iter().map(|s| s.account_id.as_str()).collect::<Vec<_>>())
        .bind(currencies)
        .bind(at)
        .bind(of)
        .bind(invoices)
        .bind(amounts)
        .bind(with_of)
        .bind(others)
        .bind(added_by)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn resolve(tx: &mut Tx<'_>, write: &BatchWrite, at: DateTime<Utc>) -> Result<(), StoreError> {
    let (mut ids, mut words, mut sources) = (vec![], vec![], vec![]);
    let (mut records, mut reasons) = (vec![], vec![]);
    for effect in effects(write) {
        if let ReviewEffect::Resolve { suggestion_id, status, reason, cause, .. } = effect {
            ids.push(suggestion_id.as_str());
            words.push(status.word());
            sources.push(cause.source.as_str());
            records.push(cause.id.as_str());
            reasons.push(reason.as_deref());
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    let count = ids.len();
    let query = sqlx::query(sql!("resolve_suggestions"));
    let query = query.bind(ids).bind(words).bind(sources).bind(records).bind(reasons).bind(at);
    expect_rows(query.execute(&mut **tx).await?.rows_affected(), count, "a suggestion")
}

/// Payments that were there before and were decided or settled again; to each the account whose
/// suggestions stay open, none if all are closed.
fn settled<'a>(
    before: &WorkingSet,
    after: &'a WorkingSet,
    write: &'a BatchWrite,
) -> BTreeMap<&'a PaymentId, Option<&'a str>> {
    let mut settled: BTreeMap<&PaymentId, Option<&str>> = BTreeMap::new();
    for effect in &write.effects {
        let Effect::SettlePayment { payment_id, state, .. } = effect else {
            continue;
        };
        let held = matches!(state, PaymentState::Parked(_) | PaymentState::OnAccount);
        let owner = after.payments.get(payment_id).and_then(|p| p.account_id.as_ref());
        match (held, owner) {
            (false, _) => {
                settled.insert(payment_id, None);
            }
            (true, Some(owner)) => {
                settled.entry(payment_id).or_insert(Some(owner.as_str()));
            }
            (true, None) => {}
        }
    }
    for decided in &write.decisions {
        settled.insert(&decided.decision.payment_id, None);
    }
    settled.retain(|payment_id, _| before.payments.contains_key(*payment_id));
    settled
}

/// Payments that were there before and wait no more as they did: they are part of no suggestion.
fn gone<'a>(before: &WorkingSet, write: &'a BatchWrite) -> Vec<&'a str> {
    let gone = write.effects.iter().filter_map(|effect| {
        let Effect::SettlePayment { payment_id, state, .. } = effect else { return None };
        let held = matches!(state, PaymentState::Parked(_) | PaymentState::OnAccount);
        (!held && before.payments.contains_key(payment_id)).then_some(payment_id.as_str())
    });
    gone.collect()
}

async fn supersede(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    after: &WorkingSet,
    write: &BatchWrite,
    added: &[&Suggestion],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut settled = settled(before, after, write);
    let gone = gone(before, write);
    let mut open = Vec::new();
    for suggestion in added {
        let known = after.suggestion(&suggestion.payment_id, &suggestion.id);
        if known.is_some_and(|known| known.status == SuggestionStatus::Open) {
            open.push(suggestion.id.as_str());
        } else {
            settled.entry(&suggestion.payment_id).or_insert(None);
        }
    }
    if settled.is_empty() && gone.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = settled.keys().map(|id| id.as_str()).collect();
    let owners: Vec<Option<&str>> = settled.values().copied().collect();
    let query = sqlx::query(sql!("supersede_suggestions")).bind(ids).bind(owners);
    query.bind(open).bind(at).bind(gone).execute(&mut **tx).await?;
    Ok(())
}

/// What became of an alias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineKind {
    /// A rule decided by it.
    Used,
    Confirmed,
    Demoted,
}

impl LineKind {
    fn word(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Confirmed => "confirmed",
            Self::Demoted => "demoted",
        }
    }
}

/// One line of the history of aliases.
struct Line<'a> {
    used: &'a AliasUse,
    payment_id: &'a PaymentId,
    kind: LineKind,
    decision_id: Option<i64>,
    suggestion_id: Option<&'a str>,
    cause: &'a RecordId,
}

fn lines(write: &BatchWrite) -> Vec<Line<'_>> {
    let used = write.decisions.iter().filter_map(|explained| {
        let decision = explained.decision.as_ref();
        Some(Line {
            used: decision.alias.as_ref()?,
            payment_id: &decision.payment_id,
            kind: LineKind::Used,
            decision_id: Some(decision.id.0),
            suggestion_id: None,
            cause: &explained.cause,
        })
    });
    let said = effects(write).filter_map(|effect| match effect {
        ReviewEffect::Link { used, payment_id, suggestion_id, cause } => Some(Line {
            used,
            payment_id,
            kind: LineKind::Confirmed,
            decision_id: None,
            suggestion_id: suggestion_id.as_ref().map(|id| id.as_str()),
            cause,
        }),
        ReviewEffect::Unlink { used, payment_id, cause, .. } => Some(Line {
            used,
            payment_id,
            kind: LineKind::Demoted,
            decision_id: None,
            suggestion_id: None,
            cause,
        }),
        ReviewEffect::Suggest(_) | ReviewEffect::Resolve { .. } => None,
    });
    used.chain(said).collect()
}

/// Under the accounts' locks: the aliases, their history, and the books of all whom a payer pays
/// for, because what its account says of each of them has changed.
pub(super) async fn aliases(
    tx: &mut Tx<'_>,
    after: &WorkingSet,
    write: &BatchWrite,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let lines = lines(write);
    if lines.is_empty() {
        return Ok(());
    }
    let links: BTreeSet<&PayerLink> = lines.iter().map(|line| &line.used.link).collect();
    let (mut payers, mut accounts, mut counts) = (vec![], vec![], vec![]);
    let (mut days, mut demoted): (Vec<NaiveDate>, Vec<_>) = (vec![], vec![]);
    for link in links {
        let alias = after.alias(link).ok_or(StoreError::Corrupt("an alias that is not loaded"))?;
        payers.push(link.payer_account.as_str());
        accounts.push(link.account_id.as_str());
        counts.push(i32::try_from(alias.confirmations).unwrap_or(i32::MAX));
        days.push(alias.last_used_on);
        demoted.push(alias.demoted_at);
    }
    let query = sqlx::query(sql!("upsert_aliases")).bind(payers).bind(accounts).bind(counts);
    query.bind(days).bind(demoted).execute(&mut **tx).await?;
    insert_lines(tx, &lines, at).await?;
    let changed = lines.iter().filter(|line| line.kind != LineKind::Used);
    let books: BTreeSet<_> =
        changed.flat_map(|line| customers_of(after, &line.used.link.payer_account)).collect();
    if books.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = books.iter().map(|id| id.as_str()).collect();
    let count = ids.len();
    let raised = sqlx::query(sql!("raise_books")).bind(ids).execute(&mut **tx).await?;
    expect_rows(raised.rows_affected(), count, "a payer's customers")
}

async fn insert_lines(
    tx: &mut Tx<'_>,
    lines: &[Line<'_>],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(sql!("insert_alias_uses"))
        .bind(lines.iter().map(|l| l.used.link.payer_account.as_str()).collect::<Vec<_>>())
        .bind(lines.iter().map(|l| l.used.link.account_id.as_str()).collect::<Vec<_>>())
        .bind(lines.iter().map(|l| l.payment_id.as_str()).collect::<Vec<_>>())
        .bind(lines.iter().map(|l| l.kind.word()).collect::<Vec<_>>())
        .bind(lines.iter().map(|l| l.decision_id).collect::<Vec<_>>())
        .bind(lines.iter().map(|l| l.suggestion_id).collect::<Vec<_>>())
        .bind(lines.iter().map(|l| l.used.on).collect::<Vec<_>>())
        .bind(lines.iter().map(|l| l.cause.source.as_str()).collect::<Vec<_>>())
        .bind(lines.iter().map(|l| l.cause.id.as_str()).collect::<Vec<_>>())
        .bind(at)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
