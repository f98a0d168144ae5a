//! Statements that are not to be believed: those of the future, and those that a person takes back.

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::reconcile::Drift;
use super::{PgPool, StoreError};

/// What is told of a statement that says that all is known up to a time that has not come.
pub const IN_FUTURE: &str = "statement_in_future";

/// Statements that speak of a time after `now`, and spoke of it when they came.
pub async fn of_the_future(pool: &PgPool, now: DateTime<Utc>) -> Result<Vec<Drift>, StoreError> {
    let rows = query!("statements_of_the_future": now).fetch_all(pool).await?;
    let one = |row: &sqlx::postgres::PgRow| {
        let through: DateTime<Utc> = row.try_get("complete_through")?;
        let came: DateTime<Utc> = row.try_get("recorded_at")?;
        let (through, came) = (through.format("%FT%TZ"), came.format("%FT%TZ"));
        Ok(Drift {
            kind: IN_FUTURE.to_owned(),
            key_kind: "bank".to_owned(),
            of: row.try_get("bank_account")?,
            subject: row.try_get("statement_id")?,
            currency: row.try_get("currency")?,
            difference: 0,
            detail: format!("came on {came} and is complete through {through}: it proves nothing"),
        })
    };
    rows.iter().map(one).collect()
}

/// Takes a statement back; what it said is kept with who did it and why. False when there is none.
pub async fn reset(
    pool: &PgPool,
    (bank_account, statement_id, currency): (&str, &str, &str),
    complete_through: DateTime<Utc>,
    (operator, reason): (&str, &str),
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = query!("statement_reset": bank_account, statement_id, currency, complete_through,
        operator, reason, at)
    .execute(pool)
    .await?;
    Ok(done.rows_affected() == 1)
}
