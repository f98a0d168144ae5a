//! Payments that were split, and their parts.

use serde::Serialize;
use sqlx::PgPool;

use super::time::At;
use super::{Result, amount, rows_of};
use crate::store::sql;

const PARTS: &str = sql!("views_parts_of_payment");

row! {
    /// A part of a payment, as it was made and where it stands now.
    #[derive(Debug, Clone, Serialize)]
    pub struct PartRow {
        pub part_id: String,
        /// The payment that it was split from.
        pub payment_id: String,
        pub part: i32,
        pub account_id: String,
        pub currency: String,
        pub amount: String = amount,
        /// Where the payment stands that the part is.
        pub state: String,
        /// What the person said who split it.
        pub reason: Option<String>,
        pub split_at: At,
        /// When it went back, by a command or with a return of the bank.
        pub undone_at: Option<At>,
        pub return_id: Option<i64>,
        pub undone_reason: Option<String>,
    }
}

/// The parts of the payment, or of a part the one row that says what it was split from.
pub async fn parts(pool: &PgPool, payment_id: &str) -> Result<Vec<PartRow>> {
    rows_of(pool, PARTS, payment_id).await
}
