//! Part of what waits, in the order of its keys: it is looked at piece by piece.

use chrono::{DateTime, Utc};

/// What is behind a key, and up to another one.
#[derive(Debug, Clone)]
pub struct Stretch<K> {
    pub behind: K,
    pub until: Option<K>,
    /// So many that are due, and so many in all, are the most.
    pub due: i64,
    pub all: i64,
}

/// What was found due there, with since when and its number: the longest first has its turn first.
#[derive(Debug, Clone)]
pub struct Due<K, T> {
    pub due: Vec<(DateTime<Utc>, i64, T)>,
    /// The last key that was looked at; none at the end of the stretch.
    pub next: Option<K>,
}

impl<K> Stretch<K> {
    /// Puts together what was asked for: rows of what is due, and the one at the place of the last.
    pub fn found<T>(&self, rows: Vec<Row<K, T>>) -> Due<K, T> {
        let full = i64::try_from(rows.len()).is_ok_and(|rows| rows >= self.due);
        let mut found = Due { due: Vec::new(), next: None };
        for row in rows {
            let last = full || row.place >= self.all;
            found.next = last.then_some(row.key);
            found.due.extend(row.due);
        }
        found
    }
}

/// One key that was looked at, at which place of the stretch, and what is due of it.
#[derive(Debug, Clone)]
pub struct Row<K, T> {
    pub key: K,
    pub place: i64,
    pub due: Option<(DateTime<Utc>, i64, T)>,
}
