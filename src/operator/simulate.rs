//! What stored payments would have been decided to by other rules. Changes nothing.
//!
//! The book as it was at the moment of a decision is not stored. So each payment is decided
//! against the book of now, as if it alone had not been allocated: what it pays is due again, the
//! rest is as it is. It is decided so twice, by the active rules and by the others, and what
//! differs comes from the rules alone. All is read in one snapshot of a transaction that cannot
//! write; a page of payments is in memory at a time.

use std::collections::BTreeMap;

use foldhash::{HashSet, HashSetExt as _};

use crate::domain::allocation::Rule;
use crate::domain::ids::{IdBlock, InvoiceId};
use crate::domain::matching::{self, MatchDecision, MatchOutcome, RuleSet, Subject, decide_match};
use crate::domain::money::{Currency, Money};
use crate::domain::payment::ParkReason;
use crate::domain::want::Want;
use crate::domain::working_set::{Stop, WorkingSet};
use crate::store::PgPool;
use crate::store::load::{
    Locks, Past, PastPage, Period, StoredDecision, load_misses, next_page, past, with_book,
};
use crate::store::{StoreError, Tx};

/// How a payment would be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub rule: Rule,
    /// `allocated`, `on_account`, `suggested` or `parked`.
    pub outcome: &'static str,
    pub reason: Option<ParkReason>,
    /// What it would pay.
    pub pays: Vec<(InvoiceId, Money)>,
}

impl Verdict {
    fn of(decision: &MatchDecision) -> Self {
        let (reason, pays) = match &decision.outcome {
            MatchOutcome::Allocate(parts) => (None, parts.clone()),
            MatchOutcome::OnAccount => (None, Vec::new()),
            MatchOutcome::Park(reason) => (Some(*reason), Vec::new()),
        };
        let outcome = decision.outcome.word(!decision.suggestions.is_empty());
        Self { rule: decision.rule, outcome, reason, pays }
    }

    fn is_as_stored(&self, stored: &StoredDecision) -> bool {
        self.rule.word() == stored.rule
            && self.outcome == stored.outcome
            && self.reason.map(ParkReason::code) == stored.reason.as_deref()
    }
}

/// What kind of difference other rules make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// A person had to look; now it is paid automatically.
    Automatic,
    /// It was paid automatically; now a person has to look.
    ToAPerson,
    /// Paid automatically both times, but other invoices or amounts.
    OtherAllocation,
    /// The money goes the same way; rule or reason differ.
    OtherReason,
}

impl Change {
    pub fn word(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::ToAPerson => "to_a_person",
            Self::OtherAllocation => "other_allocation",
            Self::OtherReason => "other_reason",
        }
    }

    fn between(now: &Verdict, then: &Verdict) -> Option<Self> {
        if now == then {
            return None;
        }
        Some(match (now.pays.is_empty(), then.pays.is_empty()) {
            (true, false) => Self::Automatic,
            (false, true) => Self::ToAPerson,
            (false, false) if now.pays != then.pays => Self::OtherAllocation,
            (true, true) | (false, false) => Self::OtherReason,
        })
    }
}

/// A payment that the other rules decide otherwise.
#[derive(Debug)]
pub struct Difference {
    pub payment: Past,
    pub change: Change,
    /// By the active rules.
    pub now: Verdict,
    /// By the other rules.
    pub then: Verdict,
}

/// Sums over a simulation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Payments that were looked at.
    pub payments: u64,
    pub differ: u64,
    /// Payments that only a later version of this program can read: not looked at.
    pub unreadable: u64,
    /// Payments that the active rules decide now otherwise than is stored: the book has changed
    /// since, a person acted, or other rules were active.
    pub stored_otherwise: u64,
    /// Number and amount for each kind of difference and currency.
    pub changes: BTreeMap<(Change, Currency), (u64, Money)>,
}

impl Totals {
    fn add(&mut self, difference: &Difference) -> Result<(), Stop> {
        self.differ = self.differ.saturating_add(1);
        let amount = difference.payment.amount;
        let key = (difference.change, amount.currency());
        let zero = (0, Money::zero(amount.currency()));
        let (count, sum) = self.changes.entry(key).or_insert(zero);
        *count = count.saturating_add(1);
        *sum = sum.add(amount)?;
        Ok(())
    }
}

/// Decides the payments of `period` by both rule sets; `tell` gets the differences page by page,
/// in the order in which the payments were recorded, and may end the run.
///
/// # Errors
/// When the database fails, or what `tell` returns.
pub async fn simulate<E: From<StoreError>>(
    pool: &PgPool,
    (active, other): (&RuleSet, &RuleSet),
    period: &Period,
    mut tell: impl FnMut(&[Difference]) -> Result<(), E>,
) -> Result<Totals, E> {
    let mut totals = Totals::default();
    let mut tx = past(pool, period).await?;
    while let Some((payments, unreadable)) = next_page(&mut tx).await? {
        totals.unreadable = totals.unreadable.saturating_add(unreadable);
        let (decided, left_out) = decide_payments(&mut tx, payments, active, other).await?;
        totals.unreadable = totals.unreadable.saturating_add(left_out);
        let mut differences = Vec::new();
        for (payment, (now, then)) in decided {
            totals.payments = totals.payments.saturating_add(1);
            if payment.stored.as_ref().is_some_and(|stored| !now.is_as_stored(stored)) {
                totals.stored_otherwise = totals.stored_otherwise.saturating_add(1);
            }
            if let Some(change) = Change::between(&now, &then) {
                let difference = Difference { payment, change, now, then };
                totals.add(&difference).map_err(StoreError::from)?;
                differences.push(difference);
            }
        }
        tell(&differences)?;
    }
    tx.rollback().await.map_err(StoreError::from)?;
    Ok(totals)
}

/// Both verdicts on each payment, in order. One that meets what only a later version can read is
/// found by halving and left out; how many were.
async fn decide_payments(
    tx: &mut Tx<'_>,
    payments: Vec<Past>,
    active: &RuleSet,
    other: &RuleSet,
) -> Result<(Vec<(Past, (Verdict, Verdict))>, u64), StoreError> {
    let (mut all, mut left_out) = (Vec::with_capacity(payments.len()), 0_u64);
    let mut groups = vec![payments];
    while let Some(mut group) = groups.pop() {
        let decided = match with_book(tx, group.clone()).await {
            Ok(mut page) => {
                let verdicts = decide_page(tx, &mut page, active, other).await;
                verdicts.map(|verdicts| page.payments.into_iter().zip(verdicts))
            }
            Err(error) => Err(error),
        };
        match decided {
            Ok(decided) => all.extend(decided),
            Err(error) if !error.is_unreadable() => return Err(error),
            Err(_) if group.len() > 1 => {
                let second = group.split_off(group.len() / 2);
                groups.extend([second, group]);
            }
            Err(_) => left_out = left_out.saturating_add(1),
        }
    }
    Ok((all, left_out))
}

/// Both verdicts on each payment of a page. What is missing is loaded for all of them at once.
async fn decide_page(
    tx: &mut Tx<'_>,
    page: &mut PastPage,
    active: &RuleSet,
    other: &RuleSet,
) -> Result<Vec<(Verdict, Verdict)>, StoreError> {
    let mut missing = HashSet::new();
    for past in &page.payments {
        let bank = &past.record.transaction;
        missing.extend(matching::foresee(&page.set, bank, &past.tokens)?);
    }
    let mut loaded = HashSet::new();
    loop {
        let misses: Vec<Want> = missing.drain().collect();
        loaded.extend(misses.iter().cloned());
        load_misses(tx, &page.needs, Locks::Last, &misses, &mut page.set).await?;
        let mut decided = Vec::with_capacity(page.payments.len());
        for past in &page.payments {
            match both(&mut page.set, past, active, other) {
                Ok(verdicts) => decided.push(verdicts),
                Err(Stop::Miss(missed)) => missing.extend(missed),
                Err(Stop::Corrupt(what)) => return Err(StoreError::Corrupt(what)),
            }
        }
        if missing.is_empty() {
            return Ok(decided);
        }
        if missing.is_subset(&loaded) {
            return Err(StoreError::Corrupt("what was loaded is asked for again"));
        }
    }
}

/// Decides one payment twice, as if it had not been allocated.
fn both(
    set: &mut WorkingSet,
    past: &Past,
    active: &RuleSet,
    other: &RuleSet,
) -> Result<(Verdict, Verdict), Stop> {
    let mut before = Vec::with_capacity(past.pays.len());
    for (invoice_id, amount) in &past.pays {
        before.push(set.take_back(invoice_id, *amount)?);
    }
    let decided = decide(set, past, active).and_then(|now| Ok((now, decide(set, past, other)?)));
    for invoice in before.into_iter().rev() {
        set.put_back(invoice);
    }
    decided
}

fn decide(set: &WorkingSet, past: &Past, rules: &RuleSet) -> Result<Verdict, Stop> {
    let subject = Subject {
        payment_id: &past.payment_id,
        bank: &past.record.transaction,
        tokens: &past.tokens,
        free: past.amount,
    };
    let id = IdBlock::new(0).decision();
    let decided = decide_match(set, rules, subject, id, past.recorded_at);
    let decision = set.unless_missed(decided)?;
    Ok(Verdict::of(&decision))
}
