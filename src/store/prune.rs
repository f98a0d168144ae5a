//! Takes away what is old and guards no money: published events, outcomes of records, job runs.
//! A page at a time, or a range of the outbox or a month of charges as a whole, each in the
//! caller's transaction.

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::{StoreError, Tx, sql};

/// What may be pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pruned {
    /// Published rows of the last range of the outbox, by the instant of their writing. Ranges
    /// before it go as a whole.
    Outbox,
    /// Published copies of dead letters, by the instant of their publishing.
    LetterCopies,
    /// Duplicates and outcomes of records, by the instant of their processing.
    Inbox,
    /// Runs of jobs that ended, by their start.
    JobRuns,
}

impl Pruned {
    pub const ALL: [Self; 4] = [Self::Outbox, Self::LetterCopies, Self::Inbox, Self::JobRuns];

    pub fn table(self) -> &'static str {
        match self {
            Self::Outbox => "outbox",
            Self::LetterCopies => "letter_copies",
            Self::Inbox => "inbox",
            Self::JobRuns => "job_runs",
        }
    }
}

/// What a page came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    pub deleted: u64,
    /// Behind what the next page begins; none when there is no more.
    pub next: Option<After>,
}

/// Where a page ended. What stays of it is not read again in the same run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It was deleted: the next page begins where this one did.
    Start,
    Instant(DateTime<Utc>),
    Row(i64),
}

/// Deletes what is older than `before` in the next page of about `rows` rows.
pub async fn page_in_tx(
    tx: &mut Tx<'_>,
    what: Pruned,
    before: DateTime<Utc>,
    after: After,
    rows: i64,
) -> Result<Page, StoreError> {
    let page = match what {
        Pruned::Outbox => numbered_page(tx, sql!("prune_outbox"), before, after, rows).await?,
        Pruned::LetterCopies => {
            numbered_page(tx, sql!("prune_letter_copies"), before, after, rows).await?
        }
        Pruned::Inbox => inbox_page(tx, before, after, rows).await?,
        Pruned::JobRuns => {
            let query = query!("prune_job_runs": before, rows);
            let deleted = query.execute(&mut **tx).await?.rows_affected();
            Page { deleted, next: (deleted > 0).then_some(After::Start) }
        }
    };
    if page.deleted > 0 {
        let mark = query!("prune_mark": what.table(), before);
        mark.execute(&mut **tx).await?;
    }
    Ok(page)
}

/// Of a table whose rows are numbered in the order in which they came.
async fn numbered_page(
    tx: &mut Tx<'_>,
    sql: &'static str,
    before: DateTime<Utc>,
    after: After,
    rows: i64,
) -> Result<Page, StoreError> {
    let row = if let After::Row(row) = after { row } else { i64::MIN };
    let found = sqlx::query(sql).bind(row).bind(rows).bind(before).fetch_one(&mut **tx).await?;
    let until: Option<i64> = found.try_get(0)?;
    Ok(Page { deleted: count(found.try_get(1)?), next: until.map(After::Row) })
}

/// Repeats go first: who was repeated lately stays.
async fn inbox_page(
    tx: &mut Tx<'_>,
    before: DateTime<Utc>,
    after: After,
    rows: i64,
) -> Result<Page, StoreError> {
    if after == After::Start {
        let repeats = query!("prune_repeats": before, rows);
        let deleted = repeats.execute(&mut **tx).await?.rows_affected();
        if deleted > 0 {
            return Ok(Page { deleted, next: Some(After::Start) });
        }
    }
    let instant = if let After::Instant(instant) = after { Some(instant) } else { None };
    let query = query!("prune_inbox": before, rows, instant);
    let found = query.fetch_one(&mut **tx).await?;
    let until: Option<DateTime<Utc>> = found.try_get(0)?;
    Ok(Page { deleted: count(found.try_get(1)?), next: until.map(After::Instant) })
}

fn count(rows: i64) -> u64 {
    u64::try_from(rows).unwrap_or(0)
}

/// Makes the months of charges that are to come, unless they are there.
pub async fn make_months_in_tx(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    sqlx::query(sql!("usage_months_make")).execute(&mut **tx).await?;
    Ok(())
}

/// No refund finds the charges of months that ended before that, from now on.
pub async fn close_usage_in_tx(tx: &mut Tx<'_>, before: DateTime<Utc>) -> Result<(), StoreError> {
    query!("usage_close": before).execute(&mut **tx).await?;
    Ok(())
}

/// Takes away the oldest month that was closed, and says how many charges that were; none when
/// there is no such month. What they came to is written first, which reads the whole month.
pub async fn usage_month_in_tx(tx: &mut Tx<'_>) -> Result<Option<u64>, StoreError> {
    super::audit::read_whole_tables(tx).await?;
    let gone: Option<i64> = sqlx::query_scalar(sql!("usage_prune")).fetch_one(&mut **tx).await?;
    Ok(gone.map(count))
}

/// Where the ranges of the outbox are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranges {
    /// The first id of the oldest range.
    pub oldest: i64,
    /// The first id of the last range that ids were given out of.
    pub current: i64,
    /// The last id that was given out.
    pub last: i64,
    /// The first id that no range was made for.
    pub made: i64,
}

/// Ids of the smallest range.
const RANGE_LEAST: i64 = 1_000_000;
/// Ids that are made ahead at least.
const AHEAD_LEAST: i64 = 4_000_000;
/// Of what is kept and what is made ahead, together, a new range has this part.
const PARTS: i64 = 16;

impl Ranges {
    /// How many ids the next range is for; none when enough are made ahead: as many as are kept.
    /// Ranges grow with what is kept, so that there are never many.
    pub fn next_ids(self) -> Option<i64> {
        let kept = self.last.saturating_sub(self.oldest);
        let ahead = self.made.saturating_sub(self.last);
        let all = self.made.max(self.last).saturating_sub(self.oldest);
        let millions = all.div_euclid(PARTS.saturating_mul(RANGE_LEAST)).saturating_add(1);
        (ahead < kept.max(AHEAD_LEAST)).then(|| millions.saturating_mul(RANGE_LEAST))
    }
}

pub async fn ranges_in_tx(tx: &mut Tx<'_>) -> Result<Ranges, StoreError> {
    let row = sqlx::query(sql!("outbox_ranges")).fetch_one(&mut **tx).await?;
    Ok(Ranges {
        oldest: row.try_get("oldest")?,
        current: row.try_get("current")?,
        last: row.try_get("last")?,
        made: row.try_get("made")?,
    })
}

/// Makes the next range of the outbox, for so many ids.
pub async fn make_range_in_tx(tx: &mut Tx<'_>, ids: i64) -> Result<(), StoreError> {
    // Where events came before their range, all of them are read.
    super::audit::read_whole_tables(tx).await?;
    query!("outbox_range_make": ids).execute(&mut **tx).await?;
    Ok(())
}

/// Drops the oldest range of the outbox that was published, is held for no key and was written
/// before that instant, and says how many rows that were; none when there is no such range.
pub async fn drop_range_in_tx(
    tx: &mut Tx<'_>,
    before: DateTime<Utc>,
) -> Result<Option<u64>, StoreError> {
    super::audit::read_whole_tables(tx).await?;
    let gone = scalar!("outbox_range_drop": before);
    let gone: Option<i64> = gone.fetch_one(&mut **tx).await?;
    if gone.is_some() {
        let mark = query!("prune_mark": Pruned::Outbox.table(), before);
        mark.execute(&mut **tx).await?;
    }
    Ok(gone.map(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Years of a book, a day at a time, whose events are kept for `days`: the most ranges that
    /// there were, and the days that were without.
    fn lived(days: usize, of_a_day: impl Fn(usize) -> i64) -> (usize, usize) {
        let (mut made, mut last, mut most, mut missed) = (1, 0, 0, 0);
        let (mut ranges, mut ends): (Vec<(i64, i64)>, Vec<i64>) = (Vec::new(), Vec::new());
        for day in 0..2_000 {
            ends.push(last);
            ranges.retain(|(_, until)| day < days || ends[day - days] < *until - 1);
            if last >= made {
                // What came without a range gets one of its own.
                ranges.push((made, last + 1));
                made = last + 1;
            }
            let oldest = ranges.first().map_or(made, |(since, _)| *since);
            while let Some(ids) = (Ranges { oldest, current: 0, last, made }).next_ids() {
                ranges.push((made, made + ids));
                made += ids;
            }
            assert!(ranges.iter().filter(|(since, _)| *since > last).count() < 64);
            most = most.max(ranges.len());
            last += of_a_day(day);
            missed += usize::from(last >= made);
        }
        assert!(ranges.len() <= 40, "they stay: {}", ranges.len());
        (most, missed)
    }

    #[test]
    fn ranges_stay_few_and_ahead_of_what_comes() {
        for days in [1, 30, 90, 1_500] {
            for a_day in [0, 1, 10_000, 1_000_000, 4_000_000] {
                let (most, missed) = lived(days, |_| a_day);
                assert!(most <= 128 && missed == 0, "{days} days, {a_day}: {most}, {missed}");
            }
        }
        // A book that doubles each two months, and then shrinks.
        let (most, missed) =
            lived(90, |day| if day < 600 { 10_000 << (day / 60) } else { 1_000_000 });
        assert!(most <= 128 && missed == 0, "{most}, {missed}");
        // One that begins with hundreds of millions misses the first day, and no other.
        let (most, missed) = lived(90, |_| 400_000_000);
        assert!(most <= 128 && missed == 1, "{most}, {missed}");
    }

    #[test]
    fn nothing_overflows() {
        let far = Ranges { oldest: 1, current: 1, last: i64::MAX, made: 1 };
        assert!(far.next_ids().is_some_and(|ids| ids > 0));
        let none = Ranges { oldest: 1, current: 0, last: 0, made: i64::MAX };
        assert_eq!(none.next_ids(), None);
    }
}
