//! What a run leaves on disk: tables, indexes, write-ahead log.

use std::collections::BTreeMap;

use sqlx::{PgPool, Row};

use crate::database::number;

/// Of a table with all its partitions: the rows with what was moved out of them, and the indexes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    pub rows: i64,
    pub indexes: i64,
}

/// At a moment.
pub struct Disk {
    wal: i64,
    tables: BTreeMap<String, Size>,
}

/// Between two moments.
#[derive(Debug, Clone)]
pub struct Grown {
    pub wal: i64,
    pub tables: BTreeMap<String, Size>,
}

const SIZES: &str = "
SELECT coalesce(pg_partition_root(oid), oid::regclass)::text AS name,
       sum(pg_table_size(oid))::bigint AS rows, sum(pg_indexes_size(oid))::bigint AS indexes
  FROM pg_class
 WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
 GROUP BY 1";

impl Disk {
    pub async fn now(pool: &PgPool) -> Self {
        let wal = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint";
        let rows = sqlx::query(SIZES).fetch_all(pool).await.expect("sizes");
        let size = |row: &sqlx::postgres::PgRow| {
            (row.get(0), Size { rows: row.get(1), indexes: row.get(2) })
        };
        Self { wal: number(pool, wal).await, tables: rows.iter().map(size).collect() }
    }

    pub fn since(&self, before: &Self) -> Grown {
        let grown = self.tables.iter().map(|(name, now)| {
            let was = before.tables.get(name).copied().unwrap_or_default();
            let (rows, indexes) = (now.rows - was.rows, now.indexes - was.indexes);
            (name.clone(), Size { rows, indexes })
        });
        Grown { wal: self.wal - before.wal, tables: grown.collect() }
    }
}

impl Grown {
    pub fn sum(&self) -> Size {
        let add = |sum: Size, size: &Size| Size {
            rows: sum.rows + size.rows,
            indexes: sum.indexes + size.indexes,
        };
        self.tables.values().fold(Size::default(), add)
    }

    /// For each of `count` records: where the bytes are, the largest first, and what is left.
    pub fn lines(&self, count: usize) -> Vec<String> {
        let mut tables: Vec<_> = self.tables.iter().collect();
        tables.sort_by_key(|(_, size)| -(size.rows + size.indexes));
        let each = |bytes: i64| bytes as f64 / count as f64;
        let (listed, rest) = tables.split_at(tables.len().min(LISTED));
        let left: i64 = rest.iter().map(|(_, size)| size.rows + size.indexes).sum();
        let line = |(name, size): &(&String, &Size)| {
            format!("  {:>8.0} {:>8.0}  {name}", each(size.rows), each(size.indexes))
        };
        let lines = listed.iter().map(line);
        let rest = format!("  {:>17.0}  in the other tables", each(left));
        let title = "      rows  indexes  bytes kept of each record".to_owned();
        std::iter::once(title).chain(lines).chain([rest]).collect()
    }
}

/// Tables that are listed by name.
const LISTED: usize = 12;
