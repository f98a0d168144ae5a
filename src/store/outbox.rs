//! Events and dead letters on their way to Kafka. Rows are written under the lock of their key,
//! so that `outbox_id` order is the order of the key, and never changed: how far the relay came is
//! kept apart, and a late commit is never skipped.

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::packed::{EVENTS, Packer, Unpacker, Unreadable};
use super::{StoreError, Tx, sql};

/// Consecutive events of one key that one record caused, one JSON document a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    pub key_kind: &'static str,
    pub record_key: String,
    pub first_sequence: i64,
    pub events: i16,
    pub payload: String,
}

pub async fn insert_in_tx(
    tx: &mut Tx<'_>,
    rows: &[OutboxRow],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut packer = Packer::new(&EVENTS);
    let packed: Vec<(&OutboxRow, (i16, Vec<u8>))> =
        rows.iter().map(|row| (row, packer.pack(&row.payload))).collect();
    store!(tx, "insert_outbox", for (r, (form, payload)) in packed {
        key_kind: r.key_kind,
        record_key: r.record_key.as_str(),
        first_sequence: r.first_sequence,
        events: r.events,
        form: form,
        payload: payload,
        created_at => at,
    });
    Ok(())
}

/// Adds the copies of these dead letters.
pub async fn copies_in_tx(
    tx: &mut Tx<'_>,
    letters: &[i64],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    query!("insert_letter_copies": letters, at).execute(&mut **tx).await?;
    Ok(())
}

/// Events of one key that are to be published.
#[derive(Debug, Clone)]
pub struct Events {
    pub outbox_id: i64,
    pub key: Key,
    pub first_sequence: i64,
    pub events: i16,
    /// One JSON document a line, or why it cannot be had.
    pub payload: Result<String, Unreadable>,
    /// An earlier event of the key is held: this one joins it.
    pub behind: bool,
}

impl Events {
    /// The sequence of the event after these.
    pub fn next_sequence(&self) -> i64 {
        self.first_sequence.saturating_add(i64::from(self.events))
    }
}

/// A key whose events are held from one on, and what Kafka answered.
#[derive(Debug, Clone)]
pub struct Hold {
    pub key: Key,
    pub from_sequence: i64,
    pub code: String,
}

/// What the server knows of ids that were given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    pub last: i64,
    /// Where the horizon is.
    pub horizon: i64,
    /// Which run of which server says so.
    pub server: String,
}

/// A transaction that may still commit rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    pub name: String,
    pub prepared: bool,
}

/// Whose events are in order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub kind: String,
    pub key: String,
}

/// How much is taken at once.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    pub rows: i64,
    pub bytes: i64,
}

/// What is published apart from the rest, so that it never holds the rest back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    Events,
    /// Events that could not be published before.
    Held,
    /// Copies of dead letters.
    Letters,
}

impl Share {
    fn lock(self) -> &'static str {
        match self {
            Self::Events => "topup:relay",
            Self::Held => "topup:relay:held",
            Self::Letters => "topup:relay:letters",
        }
    }
}

/// Whether this transaction may publish that share: one relay at a time does, the others stand by.
pub async fn try_lead_in_tx(tx: &mut Tx<'_>, share: Share) -> Result<bool, StoreError> {
    let row = query!("outbox_lead": share.lock()).fetch_one(&mut **tx).await?;
    Ok(row.try_get(0)?)
}

/// The oldest events that are not passed.
pub async fn events_in_tx(tx: &mut Tx<'_>, window: Window) -> Result<Vec<Events>, StoreError> {
    let query = query!("outbox_events": window.rows, window.bytes);
    unpacked(query.fetch_all(&mut **tx).await?, window)
}

/// The oldest events of held keys that are due; the rows of the window count keys.
pub async fn held_in_tx(tx: &mut Tx<'_>, window: Window) -> Result<Vec<Events>, StoreError> {
    let query = query!("outbox_held_due": window.rows, window.bytes);
    unpacked(query.fetch_all(&mut **tx).await?, window)
}

/// As many of the rows as fit into so many bytes once they are unpacked, and one at least: the
/// others are read again by the next round.
fn unpacked(rows: Vec<PgRow>, window: Window) -> Result<Vec<Events>, StoreError> {
    let mut unpacker = Unpacker::new(&EVENTS);
    let mut left = usize::try_from(window.bytes).unwrap_or(usize::MAX);
    let mut events = Vec::with_capacity(rows.len());
    for row in rows {
        let payload = unpacker.unpack(row.try_get("form")?, row.try_get("payload")?);
        let length = payload.as_ref().map_or(0, String::len);
        events.push(Events {
            outbox_id: row.try_get("outbox_id")?,
            key: Key { kind: row.try_get("key_kind")?, key: row.try_get("record_key")? },
            first_sequence: row.try_get("first_sequence")?,
            events: row.try_get("events")?,
            payload,
            behind: row.try_get("behind")?,
        });
        if length >= left {
            break;
        }
        left = left.saturating_sub(length);
    }
    Ok(events)
}

/// Notes that Kafka has acknowledged those rows, or that they are held with their keys.
pub async fn pass_in_tx(tx: &mut Tx<'_>, ids: &[i64]) -> Result<(), StoreError> {
    if !ids.is_empty() {
        query!("outbox_pass": ids).execute(&mut **tx).await?;
    }
    Ok(())
}

/// The last id that was given out. Asked before [`writers_in_tx`].
pub async fn noted_in_tx(tx: &mut Tx<'_>) -> Result<Noted, StoreError> {
    let row = sqlx::query(sql!("outbox_noted")).fetch_one(&mut **tx).await?;
    Ok(Noted {
        last: row.try_get("last")?,
        horizon: row.try_get("horizon")?,
        server: row.try_get("server")?,
    })
}

/// Who may still commit rows under ids that were given out before.
pub async fn writers_in_tx(tx: &mut Tx<'_>) -> Result<Vec<Writer>, StoreError> {
    let rows = sqlx::query(sql!("outbox_writers")).fetch_all(&mut **tx).await?;
    let writer = |row: &PgRow| {
        Ok(Writer { name: row.try_get("virtualtransaction")?, prepared: row.try_get("prepared")? })
    };
    rows.iter().map(writer).collect()
}

/// Moves the horizon to that id if all that is visible up to it is passed; says whether it moved.
/// Nobody may commit a row up to it any more.
pub async fn advance_in_tx(tx: &mut Tx<'_>, to: i64) -> Result<bool, StoreError> {
    let moved = query!("outbox_advance": to).execute(&mut **tx).await?;
    Ok(moved.rows_affected() > 0)
}

/// Marks copies of dead letters that Kafka has acknowledged.
pub async fn mark_copies_in_tx(
    tx: &mut Tx<'_>,
    ids: &[i64],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    query!("letter_copies_mark": ids, at).execute(&mut **tx).await?;
    Ok(())
}

/// Holds those keys, each from an event on. The rows that were read of them are passed before.
pub async fn hold_in_tx(tx: &mut Tx<'_>, holds: &[Hold]) -> Result<(), StoreError> {
    if holds.is_empty() {
        return Ok(());
    }
    query!("relay_holds_add": holds.iter().map(|hold| hold.key.kind.as_str()).collect::<Vec<_>>(),
        holds.iter().map(|hold| hold.key.key.as_str()).collect::<Vec<_>>(),
        holds.iter().map(|hold| hold.code.as_str()).collect::<Vec<_>>(),
        holds.iter().map(|hold| hold.from_sequence).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Of each of those keys all events before the given one are published.
pub async fn advance_holds_in_tx(tx: &mut Tx<'_>, to: &[(&Key, i64)]) -> Result<(), StoreError> {
    query!("relay_holds_advance": to.iter().map(|(key, _)| key.kind.as_str()).collect::<Vec<_>>(),
        to.iter().map(|(key, _)| key.key.as_str()).collect::<Vec<_>>(),
        to.iter().map(|(_, from)| *from).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Keeps others from holding more rows of those keys until the transaction ends.
pub async fn lock_holds_in_tx(tx: &mut Tx<'_>, keys: &[Key]) -> Result<(), StoreError> {
    of_keys(tx, sql!("relay_holds_lock"), keys).await
}

/// Releases those keys of which nothing is held any more. They are locked before.
pub async fn end_holds_in_tx(tx: &mut Tx<'_>, keys: &[Key]) -> Result<(), StoreError> {
    of_keys(tx, sql!("relay_holds_end"), keys).await
}

/// Notes that held keys failed again; each is tried later than before.
pub async fn holds_failed_in_tx(tx: &mut Tx<'_>, keys: &[(Key, String)]) -> Result<(), StoreError> {
    query!("relay_holds_failed": keys.iter().map(|(key, _)| key.kind.as_str()).collect::<Vec<_>>(),
        keys.iter().map(|(key, _)| key.key.as_str()).collect::<Vec<_>>(),
        keys.iter().map(|(_, code)| code.as_str()).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn of_keys(tx: &mut Tx<'_>, sql: &'static str, keys: &[Key]) -> Result<(), StoreError> {
    sqlx::query(sql)
        .bind(keys.iter().map(|key| key.kind.as_str()).collect::<Vec<_>>())
        .bind(keys.iter().map(|key| key.key.as_str()).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?;
    Ok(())
}
