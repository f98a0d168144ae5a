//! What the database says of the book, read while somebody looks and at most every 15 s: never by
//! the look itself.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::store::PgPool;
use chrono::TimeDelta;
use tokio::sync::{Notify, watch};

use crate::store::views::book::{self, BookRow};
use crate::telemetry;

/// Between two readings, at least.
const REST: Duration = Duration::from_secs(15);
/// And so many times what the last one took: reading is a hundredth of the time at most.
const REST_TIMES: u32 = 100;
/// Rows of each kind that are read: as many as a reading has the time for, within these.
const ROWS_MOST: i64 = 100_000;
const ROWS_FIRST: i64 = 25_000;
const ROWS_FEWEST: i64 = 100;
/// A reading that takes less may take more rows the next time.
const QUICK: Duration = Duration::from_millis(500);

/// The last reading.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// None until it was read, and after a reading that failed: what is old would tell lies.
    read: Mutex<Option<(Vec<BookRow>, Instant)>>,
    wanted: Notify,
}

impl Book {
    /// Somebody looks.
    pub(super) fn want(&self) {
        self.wanted.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Vec<BookRow>, Instant)>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn last(&self) -> Option<(Vec<BookRow>, Instant)> {
        self.lock().clone()
    }

    /// Reads at first, and then whenever it is wanted and rested, until it is told to stop.
    pub(crate) async fn keep(
        &self,
        pool: PgPool,
        skew: TimeDelta,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut rows = ROWS_FIRST;
        while !*stop.borrow() {
            let began = Instant::now();
            let read = book::read(&pool, skew, rows).await;
            let took = began.elapsed();
            rows = next_rows(rows, read.is_ok(), took);
            if let Err(error) = &read {
                tracing::debug!(error = %telemetry::chain(error), "book not read");
            }
            // What failed is soon tried again, with less to read.
            let times = if read.is_ok() { REST_TIMES } else { 1 };
            *self.lock() = read.ok().map(|rows| (rows, began));
            let rest = REST.max(took.saturating_mul(times));
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                _ = stop.changed() => return,
            }
            tokio::select! {
                () = self.wanted.notified() => {}
                _ = stop.changed() => return,
            }
        }
    }
}

/// How many rows the next reading takes, by whether the last one was done and how long it took. A
/// database that is away says no at once: that is no reason to read less.
fn next_rows(rows: i64, done: bool, took: Duration) -> i64 {
    match (done, took < QUICK) {
        (true, true) => rows.saturating_mul(2).min(ROWS_MOST),
        (false, false) => (rows / 4).max(ROWS_FEWEST),
        (true, false) | (false, true) => rows,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_takes_as_many_rows_as_it_has_time_for() {
        let (quick, slow) = (Duration::from_millis(10), Duration::from_secs(2));
        assert_eq!(next_rows(ROWS_FIRST, true, quick), 50_000);
        assert_eq!(next_rows(80_000, true, quick), ROWS_MOST);
        assert_eq!(next_rows(40_000, true, slow), 40_000);
        assert_eq!(next_rows(40_000, false, slow), 10_000);
        assert_eq!(next_rows(150, false, slow), ROWS_FEWEST);
        assert_eq!(next_rows(40_000, false, quick), 40_000);
    }
}
