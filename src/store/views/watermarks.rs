//! How far the partitions of usage are known.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{FromRow, Row};

use super::Result;
use super::time::At;
use crate::store::PgPool;
use crate::store::sql;

const WATERMARKS: &str = sql!("views_watermarks");
pub(super) const EVER: &str = sql!("views_proof_ever");

/// Whether the usage feed has ever said how far it is known: if not, nothing is ever proven.
pub async fn ever(pool: &PgPool, topic: &str) -> Result<bool> {
    sqlx::query(EVER).bind(topic).fetch_one(pool).await?.try_get("ever")
}

#[derive(Debug, Clone, Serialize, FromRow)]
pub struct WatermarkRow {
    pub topic: String,
    pub partition: i32,
    pub complete_through: At,
    pub updated_at: At,
    /// It lies beyond what is believed, and proves nothing.
    pub in_future: bool,
}

/// All of them; what lies beyond `claims_until` is not believed.
pub async fn all(pool: &PgPool, claims_until: DateTime<Utc>) -> Result<Vec<WatermarkRow>> {
    sqlx::query_as(WATERMARKS).bind(claims_until).fetch_all(pool).await
}
