//! Charges, refunds, holds, lots, watermarks. After the ledger, which the charges are checked by.

use chrono::{DateTime, Utc};

use super::micros;
use super::rows::Rows;
use crate::domain::usage::{Hold, LotMove};
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
    holds(tx, rows).await
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
        lot_id: c.only_lot().map(|id| id.0),
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
