//! Money that came and lies on no invoice: parked, on a customer's account, rests of payments.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::time::Day;
use super::{Result, decode, park_reason, sum};
use crate::store::PgPool;
use crate::store::audit;
use crate::store::sql;

const PAYMENTS: &str = sql!("views_unallocated");
const LEDGER: &str = sql!("views_unallocated_ledger");

row! {
    #[derive(Debug, Clone, Serialize)]
    pub struct UnallocatedRow {
        pub payment_id: String,
        /// Whose it is today.
        pub account_id: Option<String>,
        pub currency: String,
        pub unallocated: String = sum,
        /// The same, to be added up.
        #[serde(skip)]
        pub micros: i128 = |row, _| micros(row),
        /// `parked`, `on_account` or `rest`.
        pub kind: String,
        pub reason: Option<String> = park_reason,
        pub received_on: Day,
        pub age_days: i64,
    }
}

/// The payments, and by currency what the ledger held.
#[derive(Debug, Clone)]
pub struct Unallocated {
    pub rows: Vec<UnallocatedRow>,
    pub ledger: BTreeMap<String, i128>,
}

/// What was unallocated at that instant, in one snapshot.
pub async fn at(pool: &PgPool, as_of: DateTime<Utc>, zone: &str) -> Result<Unallocated> {
    let mut snapshot = audit::snapshot(pool).await?;
    let rows = sqlx::query_as(PAYMENTS).bind(as_of).bind(zone).fetch_all(&mut *snapshot).await?;
    let ledger = sqlx::query(LEDGER).bind(as_of).fetch_all(&mut *snapshot).await?;
    snapshot.rollback().await?;
    let ledger = ledger.iter().map(|row| Ok((row.try_get("currency")?, micros(row)?)));
    Ok(Unallocated { rows, ledger: ledger.collect::<Result<_>>()? })
}

fn micros(row: &PgRow) -> Result<i128> {
    let text: String = row.try_get("unallocated")?;
    text.parse().map_err(|error| decode("unallocated", error))
}
