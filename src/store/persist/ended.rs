//! Customers that are closed or opened again, and commands that wait no more.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::expect_rows;
use crate::domain::effect::Effect;
use crate::domain::rejection::Rejection;
use crate::store::{StoreError, Tx, sql};

pub(super) async fn all(
    tx: &mut Tx<'_>,
    effects: &[Effect],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut accounts = BTreeMap::new();
    let (mut sources, mut ids) = (vec![], vec![]);
    for effect in effects {
        if let Effect::CloseAccount { account_id, closed } = effect {
            // The last word on a customer counts.
            accounts.insert(account_id.as_str(), *closed);
        } else if let Effect::CancelWaiting(record) = effect {
            sources.push(record.source.as_str());
            ids.push(record.id.as_str());
        }
    }
    if !accounts.is_empty() {
        let (names, closed): (Vec<&str>, Vec<bool>) = accounts.into_iter().unzip();
        let count = names.len();
        let query = sqlx::query(sql!("close_accounts")).bind(names).bind(closed).bind(at);
        let done = query.execute(&mut **tx).await?;
        expect_rows(done.rows_affected(), count, "an account that is closed")?;
    }
    if !ids.is_empty() {
        let count = ids.len();
        let query = sqlx::query(sql!("waiting_cancel")).bind(sources).bind(ids);
        let done = query.bind(Rejection::Cancelled.code()).execute(&mut **tx).await?;
        expect_rows(done.rows_affected(), count, "a command that waits")?;
    }
    Ok(())
}
