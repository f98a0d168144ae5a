//! Customers that are closed or opened again, and commands that wait no more.

use chrono::{DateTime, Utc};

use super::expect_rows;
use super::rows::Rows;
use crate::domain::ids::RecordId;
use crate::domain::rejection::Rejection;
use crate::store::inbox::{self, Update};
use crate::store::{StoreError, Tx};

pub(super) async fn all(
    tx: &mut Tx<'_>,
    rows: &Rows<'_>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let accounts: Vec<_> = rows.closed.iter().collect();
    let done = store!(tx, "close_accounts", for (account_id, closed) in accounts {
        account_id: account_id.as_str(),
        closed: **closed,
        updated_at => at,
    });
    expect_rows(done, accounts.len(), "an account that is closed")?;
    let cancelled = &rows.cancelled;
    let done = store!(tx, "waiting_cancel", for record in cancelled {
        source: record.source.as_str(),
        message_id: record.id.as_str(),
    });
    expect_rows(done, cancelled.len(), "a command that waits")?;
    let refused = |record: &&RecordId| Update::rejected(record, Rejection::Cancelled.code());
    inbox::update_in_tx(tx, &cancelled.iter().map(refused).collect::<Vec<_>>()).await
}
