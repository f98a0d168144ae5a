//! Charges, refunds, holds, lots, watermarks. After the ledger, which the charges are checked by.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use super::{expect_rows, micros};
use crate::domain::effect::Effect;
use crate::domain::ids::{AccountId, AllocationId};
use crate::domain::money::Money;
use crate::domain::usage::{Charged, Hold, Lot, LotMove, Refunded};
use crate::domain::working_set::WorkingSet;
use crate::store::{StoreError, Tx, sql};

/// Up to when the records of a partition are complete.
#[derive(Debug, Clone)]
pub struct WatermarkRow {
    pub topic: String,
    pub partition: i32,
    pub complete_through: DateTime<Utc>,
    /// What is beyond this instant is not believed.
    pub claims_until: DateTime<Utc>,
}

pub(super) async fn all(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    after: &WorkingSet,
    effects: &[Effect],
    watermarks: &[WatermarkRow],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    consumptions(tx, effects).await?;
    for row in watermarks {
        sqlx::query(sql!("upsert_watermarks"))
            .bind(&row.topic)
            .bind(row.partition)
            .bind(row.complete_through)
            .bind(at)
            .bind(row.claims_until)
            .execute(&mut **tx)
            .await?;
    }
    if !after.usage.keeps_lots {
        return Ok(());
    }
    charges(tx, effects, at).await?;
    refunds(tx, effects, at).await?;
    holds(tx, effects).await?;
    lots(tx, before, after, effects, at).await
}

async fn charges(tx: &mut Tx<'_>, effects: &[Effect], at: DateTime<Utc>) -> Result<(), StoreError> {
    let mut all: Vec<&Charged> = Vec::new();
    for effect in effects {
        if let Effect::Charge(charged) = effect {
            all.push(charged);
        }
    }
    if all.is_empty() {
        return Ok(());
    }
    let amounts = all.iter().map(|c| micros(c.charge.amount)).collect::<Result<Vec<_>, _>>()?;
    let uncovered = all.iter().map(|c| micros(c.uncovered)).collect::<Result<Vec<_>, _>>()?;
    let hold = |c: &&Charged| c.charge.hold_id.as_ref().map(|id| id.to_string());
    sqlx::query(sql!("insert_charges"))
        .bind(all.iter().map(|c| c.charge.account_id.as_str()).collect::<Vec<_>>())
        .bind(all.iter().map(|c| c.charge.usage_id.as_str()).collect::<Vec<_>>())
        .bind(all.iter().map(|c| c.id.0).collect::<Vec<_>>())
        .bind(all.iter().map(|c| c.charge.amount.code()).collect::<Vec<_>>())
        .bind(amounts)
        .bind(uncovered)
        .bind(all.iter().map(|c| c.charge.kind.as_str()).collect::<Vec<_>>())
        .bind(all.iter().map(hold).collect::<Vec<_>>())
        .bind(all.iter().map(|c| c.charge.occurred_at).collect::<Vec<_>>())
        .bind(all.iter().map(|c| c.ledger_transaction_id.map(|id| id.0)).collect::<Vec<_>>())
        .bind(at)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn refunds(tx: &mut Tx<'_>, effects: &[Effect], at: DateTime<Utc>) -> Result<(), StoreError> {
    let mut all: Vec<&Refunded> = Vec::new();
    for effect in effects {
        if let Effect::Refund(refunded) = effect {
            all.push(refunded);
        }
    }
    if all.is_empty() {
        return Ok(());
    }
    let amounts = all.iter().map(|r| micros(r.refund.amount)).collect::<Result<Vec<_>, _>>()?;
    sqlx::query(sql!("insert_refunds"))
        .bind(all.iter().map(|r| r.refund.account_id.as_str()).collect::<Vec<_>>())
        .bind(all.iter().map(|r| r.refund.refund_id.as_str()).collect::<Vec<_>>())
        .bind(all.iter().map(|r| r.id.0).collect::<Vec<_>>())
        .bind(all.iter().map(|r| r.refund.usage_id.as_str()).collect::<Vec<_>>())
        .bind(all.iter().map(|r| r.refund.amount.code()).collect::<Vec<_>>())
        .bind(amounts)
        .bind(all.iter().map(|r| r.ledger_transaction_id.map(|id| id.0)).collect::<Vec<_>>())
        .bind(at)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// What an effect takes from lots or gives them back: by which id, whose, and how much.
fn consumed(effect: &Effect) -> Option<(i64, &AccountId, &[LotMove])> {
    if let Effect::Charge(c) = effect {
        Some((c.id.0, &c.charge.account_id, &c.burnt))
    } else if let Effect::Refund(r) = effect {
        Some((r.id.0, &r.refund.account_id, &r.moves))
    } else if let Effect::Reverse(r) = effect {
        Some((r.id.0, &r.account_id, &r.moves))
    } else if let Effect::ClearDebt { account_id, cleared } = effect {
        Some((cleared.lot_id.0, account_id, std::slice::from_ref(cleared)))
    } else {
        None
    }
}

async fn consumptions(tx: &mut Tx<'_>, effects: &[Effect]) -> Result<(), StoreError> {
    let (mut causes, mut lots, mut kinds) = (vec![], vec![], vec![]);
    let (mut accounts, mut amounts) = (vec![], vec![]);
    for effect in effects {
        let Some((cause, account_id, moves)) = consumed(effect) else { continue };
        for (lot_id, kind, burnt) in signed(moves)? {
            causes.push(cause);
            lots.push(lot_id.0);
            kinds.push(kind);
            accounts.push(account_id.as_str());
            amounts.push(burnt);
        }
    }
    if causes.is_empty() {
        return Ok(());
    }
    sqlx::query(sql!("insert_consumptions"))
        .bind(causes)
        .bind(lots)
        .bind(kinds)
        .bind(accounts)
        .bind(amounts)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// One row for each lot and kind; positive where the lot becomes less.
fn signed(moves: &[LotMove]) -> Result<Vec<(AllocationId, &'static str, i64)>, StoreError> {
    let one = |moved: &LotMove| {
        let amount = if moved.kind.burns() { moved.amount } else { moved.amount.negated() };
        Ok((moved.lot_id, moved.kind.word(), micros(amount)?))
    };
    moves.iter().map(one).collect()
}

async fn holds(tx: &mut Tx<'_>, effects: &[Effect]) -> Result<(), StoreError> {
    // The last word on each hold counts.
    let mut last: BTreeMap<_, &Hold> = BTreeMap::new();
    for effect in effects {
        if let Effect::SetHold(hold) = effect {
            last.insert((&hold.account_id, &hold.hold_id), hold);
        }
    }
    if last.is_empty() {
        return Ok(());
    }
    let all = || last.values();
    let amounts = all().map(|hold| micros(hold.amount)).collect::<Result<Vec<_>, _>>()?;
    let released = all().map(|hold| micros(hold.released)).collect::<Result<Vec<_>, _>>()?;
    sqlx::query(sql!("upsert_holds"))
        .bind(all().map(|hold| hold.account_id.as_str()).collect::<Vec<_>>())
        .bind(all().map(|hold| hold.hold_id.as_str()).collect::<Vec<_>>())
        .bind(all().map(|hold| hold.amount.code()).collect::<Vec<_>>())
        .bind(amounts)
        .bind(released)
        .bind(all().map(|hold| hold.state.word()).collect::<Vec<_>>())
        .bind(all().map(|hold| hold.placed_at).collect::<Vec<_>>())
        .bind(all().map(|hold| hold.told_at).collect::<Vec<_>>())
        .bind(all().map(|hold| hold.ended_at).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn sums_of(lot: &Lot) -> [Money; 4] {
    [lot.remaining, lot.debt_cleared, lot.reversed, lot.clawed_back]
}

/// The net change of each lot, once for a batch; those that it opened were inserted as opened.
async fn lots(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    after: &WorkingSet,
    effects: &[Effect],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut earlier: HashMap<AllocationId, [Money; 4]> = HashMap::new();
    for lot in before.usage.lots.values().flatten() {
        earlier.insert(lot.id, sums_of(lot));
    }
    for effect in effects {
        if let Effect::Allocate(opened) = effect {
            let cleared = opened.amount.sub(opened.lot_remaining);
            let cleared = cleared.map_err(|_| StoreError::Corrupt("a lot"))?;
            let zero = Money::zero(opened.amount.currency());
            earlier.insert(opened.id, [opened.lot_remaining, cleared, zero, zero]);
        }
    }
    let (mut ids, mut was, mut now, mut cleared) = (vec![], vec![], vec![], vec![]);
    let (mut reversed, mut clawed_back) = (vec![], vec![]);
    let mut all: Vec<&Lot> = after.usage.lots.values().flatten().collect();
    all.sort_by_key(|lot| lot.id);
    for lot in all {
        let before = earlier.get(&lot.id).ok_or(StoreError::Corrupt("a lot from nowhere"))?;
        if *before != sums_of(lot) {
            ids.push(lot.id.0);
            was.push(micros(before[0])?);
            reversed.push(micros(lot.reversed)?);
            clawed_back.push(micros(lot.clawed_back)?);
            now.push(micros(lot.remaining)?);
            cleared.push(micros(lot.debt_cleared)?);
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    let count = ids.len();
    let query = sqlx::query(sql!("update_lots")).bind(ids).bind(was).bind(now).bind(cleared);
    let query = query.bind(reversed).bind(clawed_back).bind(at);
    expect_rows(query.execute(&mut **tx).await?.rows_affected(), count, "a lot")
}
