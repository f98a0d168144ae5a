//! Charges, refunds, holds, lots, watermarks. After the ledger, which the charges are checked by.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::rows::Rows;
use super::{expect_rows, micros};
use crate::domain::ids::AllocationId;
use crate::domain::money::Money;
use crate::domain::usage::{Hold, Lot, LotMove};
use crate::domain::working_set::WorkingSet;
use crate::store::{StoreError, Tx};

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
    rows: &Rows<'_>,
    watermarks: &[WatermarkRow],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    consumptions(tx, rows).await?;
    for row in watermarks {
        let query = bound!("upsert_watermarks", {
            topic => &row.topic,
            partition => row.partition,
            complete_through => row.complete_through,
            updated_at => at,
            claims_until => row.claims_until,
        });
        query.execute(&mut **tx).await?;
    }
    if !after.usage.keeps_lots {
        return Ok(());
    }
    charges(tx, rows, at).await?;
    refunds(tx, rows, at).await?;
    holds(tx, rows).await?;
    lots(tx, before, after, rows, at).await
}

async fn charges(tx: &mut Tx<'_>, rows: &Rows<'_>, at: DateTime<Utc>) -> Result<(), StoreError> {
    let charges = &rows.charges;
    store!(tx, "insert_charges", for c in charges {
        account_id: c.charge.account_id.as_str(),
        usage_id: c.charge.usage_id.as_str(),
        charge_id: c.id.0,
        currency: c.charge.amount.code(),
        amount: micros(c.charge.amount)?,
        uncovered: micros(c.uncovered)?,
        kind: c.charge.kind.as_str(),
        hold_id: c.charge.hold_id.as_ref().map(|id| id.as_str()),
        occurred_at: c.charge.occurred_at,
        ledger_transaction_id: c.ledger_transaction_id.map(|id| id.0),
        charged_at => at,
    });
    Ok(())
}

async fn refunds(tx: &mut Tx<'_>, rows: &Rows<'_>, at: DateTime<Utc>) -> Result<(), StoreError> {
    let refunds = &rows.refunds;
    store!(tx, "insert_refunds", for r in refunds {
        account_id: r.refund.account_id.as_str(),
        refund_id: r.refund.refund_id.as_str(),
        refund_number: r.id.0,
        usage_id: r.refund.usage_id.as_str(),
        currency: r.refund.amount.code(),
        amount: micros(r.refund.amount)?,
        posting: r.ledger_transaction_id.map(|id| id.0),
        refunded_at => at,
    });
    Ok(())
}

async fn consumptions(tx: &mut Tx<'_>, rows: &Rows<'_>) -> Result<(), StoreError> {
    let moves = &rows.consumptions;
    // Positive where the lot becomes less.
    let burnt = |moved: &LotMove| {
        micros(if moved.kind.burns() { moved.amount } else { moved.amount.negated() })
    };
    store!(tx, "insert_consumptions", for (cause, account_id, moved) in moves {
        cause_id: *cause,
        lot_id: moved.lot_id.0,
        kind: moved.kind.word(),
        account_id: account_id.as_str(),
        amount: burnt(moved)?,
    });
    Ok(())
}

async fn holds(tx: &mut Tx<'_>, rows: &Rows<'_>) -> Result<(), StoreError> {
    let holds: Vec<&Hold> = rows.holds.values().copied().collect();
    store!(tx, "upsert_holds", for hold in holds {
        account_id: hold.account_id.as_str(),
        hold_id: hold.hold_id.as_str(),
        currency: hold.amount.code(),
        amount: micros(hold.amount)?,
        released: micros(hold.released)?,
        state: hold.state.word(),
        placed_at: hold.placed_at,
        told_at: hold.told_at,
        ended_at: hold.ended_at,
    });
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
    rows: &Rows<'_>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut earlier: HashMap<AllocationId, [Money; 4]> = HashMap::new();
    for lot in before.usage.lots.values().flatten() {
        earlier.insert(lot.id, sums_of(lot));
    }
    for opened in &rows.allocations {
        let cleared = opened.amount.sub(opened.lot_remaining);
        let cleared = cleared.map_err(|_| StoreError::Corrupt("a lot"))?;
        let zero = Money::zero(opened.amount.currency());
        earlier.insert(opened.id, [opened.lot_remaining, cleared, zero, zero]);
    }
    let mut changed: Vec<(Money, &Lot)> = Vec::new();
    for lot in after.usage.lots.values().flatten() {
        let before = earlier.get(&lot.id).ok_or(StoreError::Corrupt("a lot from nowhere"))?;
        if *before != sums_of(lot) {
            changed.push((before[0], lot));
        }
    }
    changed.sort_by_key(|(_, lot)| lot.id);
    let done = store!(tx, "update_lots", for (was, lot) in changed {
        lot_id: lot.id.0,
        was: micros(*was)?,
        remaining: micros(lot.remaining)?,
        debt_cleared: micros(lot.debt_cleared)?,
        reversed: micros(lot.reversed)?,
        clawed_back: micros(lot.clawed_back)?,
        at => at,
    });
    expect_rows(done, changed.len(), "a lot")
}
