//! Suggestions, what became of them, and what is learnt. Payments that are matched write none of
//! it, unless the match rests on an alias.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::rows::{Line, LineKind, Rows};
use super::{ExplainedDecision, expect_rows, micros};
use crate::domain::account::PayerLink;
use crate::domain::ids::PaymentId;
use crate::domain::matching::payer::customers_of;
use crate::domain::review::SuggestionStatus;
use crate::domain::working_set::WorkingSet;
use crate::store::{StoreError, Tx};

/// New suggestions, then what persons said, then what is superseded.
pub(super) async fn suggestions(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    after: &WorkingSet,
    decisions: &[ExplainedDecision],
    rows: &Rows<'_>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    insert(tx, rows, at).await?;
    resolve(tx, rows, at).await?;
    supersede(tx, before, after, decisions, rows, at).await
}

async fn insert(tx: &mut Tx<'_>, rows: &Rows<'_>, at: DateTime<Utc>) -> Result<(), StoreError> {
    let added = &rows.suggestions;
    let (mut parts, mut with) = (vec![], vec![]);
    for suggestion in added {
        parts.extend(suggestion.parts.iter().map(|(id, amount)| (&suggestion.id, id, *amount)));
        with.extend(suggestion.with.iter().map(|(id, amount)| (&suggestion.id, id, *amount)));
    }
    store!(tx, "insert_suggestions",
        for suggestion in added {
            suggestion_id: suggestion.id.as_str(),
            payment_id: suggestion.payment_id.as_str(),
            decision_id: suggestion.decision_id.0,
            account_id: suggestion.account_id.as_str(),
            currency: suggestion.parts.first().map(|part| part.1.code()),
            suggested_at => at,
        }
        for (id, invoice_id, amount) in parts {
            suggestion_id: id.as_str(),
            invoice_id: invoice_id.as_str(),
            amount: micros(*amount)?,
        }
        for (id, payment_id, amount) in with {
            suggestion_id: id.as_str(),
            payment_id: payment_id.as_str(),
            amount: micros(*amount)?,
        }
    );
    Ok(())
}

async fn resolve(tx: &mut Tx<'_>, rows: &Rows<'_>, at: DateTime<Utc>) -> Result<(), StoreError> {
    let resolved = &rows.resolved;
    let done = store!(tx, "resolve_suggestions", for said in resolved {
        suggestion_id: said.suggestion_id.as_str(),
        status: said.status.word(),
        source: said.cause.source.as_str(),
        id: said.cause.id.as_str(),
        reason: said.reason,
        resolved_at => at,
    });
    expect_rows(done, resolved.len(), "a suggestion")
}

/// Payments that were there before and were decided or settled again; to each the account whose
/// suggestions stay open, none if all are closed.
fn settled<'a>(
    before: &WorkingSet,
    after: &'a WorkingSet,
    decisions: &'a [ExplainedDecision],
    rows: &Rows<'a>,
) -> BTreeMap<&'a PaymentId, Option<&'a str>> {
    let mut settled: BTreeMap<&PaymentId, Option<&str>> = BTreeMap::new();
    for one in &rows.settled {
        let owner = after.payments_here().get(one.payment_id).and_then(|p| p.account_id.as_ref());
        match (one.held, owner) {
            (false, _) => {
                settled.insert(one.payment_id, None);
            }
            (true, Some(owner)) => {
                settled.entry(one.payment_id).or_insert(Some(owner.as_str()));
            }
            (true, None) => {}
        }
    }
    for decided in decisions {
        settled.insert(&decided.decision.payment_id, None);
    }
    settled.retain(|payment_id, _| before.payments_here().contains_key(*payment_id));
    settled
}

async fn supersede(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    after: &WorkingSet,
    decisions: &[ExplainedDecision],
    rows: &Rows<'_>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut settled = settled(before, after, decisions, rows);
    // Payments that were there before and wait no more as they did: they are part of no suggestion.
    let gone = rows.settled.iter().filter(|one| !one.held).map(|one| one.payment_id);
    let gone = gone.filter(|id| before.payments_here().contains_key(*id));
    let gone: Vec<&str> = gone.map(|id| id.as_str()).collect();
    let mut open = Vec::new();
    for suggestion in &rows.suggestions {
        let known = after.suggestions_here().get(&suggestion.payment_id).into_iter().flatten();
        let mut known = known.filter(|known| known.id == suggestion.id);
        if known.any(|known| known.status == SuggestionStatus::Open) {
            open.push(suggestion.id.as_str());
        } else {
            settled.entry(&suggestion.payment_id).or_insert(None);
        }
    }
    if settled.is_empty() && gone.is_empty() {
        return Ok(());
    }
    let settled: Vec<_> = settled.into_iter().collect();
    let query = bound!("supersede_suggestions", for (payment_id, owner) in settled {
        payment_id: payment_id.as_str(),
        owner: *owner,
        open => open,
        resolved_at => at,
        gone => gone,
    });
    query.execute(&mut **tx).await?;
    Ok(())
}

/// Under the accounts' locks: the aliases, their history, and the books of all whom a payer pays
/// for, because what its account says of each of them has changed.
pub(super) async fn aliases(
    tx: &mut Tx<'_>,
    after: &WorkingSet,
    decisions: &[ExplainedDecision],
    rows: &Rows<'_>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let used = decisions.iter().filter_map(|explained| {
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
    let used: Vec<Line<'_>> = used.collect();
    let lines: Vec<&Line<'_>> = used.iter().chain(&rows.alias_lines).collect();
    let links: BTreeSet<&PayerLink> = lines.iter().map(|line| &line.used.link).collect();
    let mut all = Vec::with_capacity(links.len());
    for link in links {
        let alias = after.alias(link).ok_or(StoreError::Corrupt("an alias that is not loaded"))?;
        all.push((link, alias));
    }
    store!(tx, "upsert_aliases", for (link, alias) in all {
        payer_account: link.payer_account.as_str(),
        account_id: link.account_id.as_str(),
        confirmations: i32::try_from(alias.confirmations).unwrap_or(i32::MAX),
        last_used_on: alias.last_used_on,
        demoted_at: alias.demoted_at,
    });
    store!(tx, "insert_alias_uses", for line in lines {
        payer_account: line.used.link.payer_account.as_str(),
        account_id: line.used.link.account_id.as_str(),
        payment_id: line.payment_id.as_str(),
        kind: line.kind.word(),
        decision_id: line.decision_id,
        suggestion_id: line.suggestion_id.map(|id| id.as_str()),
        used_on: line.used.on,
        source: line.cause.source.as_str(),
        id: line.cause.id.as_str(),
        recorded_at => at,
    });
    let changed = lines.iter().filter(|line| line.kind != LineKind::Used);
    let books: BTreeSet<_> =
        changed.flat_map(|line| customers_of(after, &line.used.link.payer_account)).collect();
    if books.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = books.iter().map(|id| id.as_str()).collect();
    let count = ids.len();
    let raised = query!("raise_books": ids).execute(&mut **tx).await?;
    expect_rows(raised.rows_affected(), count, "a payer's customers")
}
