//! Finds the record that kills the process, and blames no other.
//!
//! What lay in the log when a lane was opened is noted batch by batch before it is decoded, and the
//! note is cleared when the batch has ended in order. A note that is still there at the next start
//! is a death with these offsets in hand: they are suspects, and no more than that, for somebody
//! outside may have killed the process. Suspects are tried in parts of one thirty-second, each
//! announced, and while one is on trial nothing else of the process is decoded or decided. A death
//! on trial leaves that part as the suspects; what survives is suspected no more. So 1,000 suspects
//! cost 32 transactions, and two deaths lead to one record. A record is diverted when the process
//! died twice while exactly this record was on trial, alone, and the only suspect. Before such a
//! trial the process must have lived for a while: who is killed from outside soon after each start,
//! or at any moment, dies in that while, and nobody is blamed. An attempt that ends with an error
//! is survived: a database that is away blames nobody. Later batches pay nothing.
//!
//! A process that lost its partition with a record on trial looks like a dead one to whoever has
//! the partition now. If it lives it says so: then its death is counted no more, and before a
//! record is diverted there is time for that. A count stands in the row alone, with the owners who
//! died: a start adds one, a word of life takes its own away, and an announcement says nothing of
//! it. Only the owner of the partition writes the row otherwise.

use std::ops::RangeInclusive;

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::checkpoint::Fence;
use super::{PgPool, StoreError, Tx, sql};

/// Into so many parts suspects are divided.
const PARTS: u64 = 32;
/// A record is diverted after so many deaths at it alone.
const DEATHS_ALONE: i32 = 2;

type Offsets = RangeInclusive<i64>;

/// What the lane knows about earlier deaths.
#[derive(Debug)]
pub struct Guard {
    /// One of these may have killed the process; none: no death is known.
    suspects: Option<Offsets>,
    /// Deaths while the only suspect was on trial alone.
    alone_deaths: i32,
    /// Who died so.
    counted: Vec<i64>,
    /// So many records are tried at once.
    part: usize,
}

/// What is written down.
struct Note {
    suspects: Offsets,
    trial: Option<Offsets>,
    alone: bool,
    alone_deaths: i32,
    /// The owner who wrote it; none: an earlier version did.
    epoch: Option<i64>,
    counted: Vec<i64>,
}

/// Takes in what the last death left, and notes the batch that is about to be decoded.
///
/// # Errors
/// When the database fails; [`StoreError::Fenced`] when another worker has the partition.
pub async fn start(
    pool: &PgPool,
    fence: &Fence,
    batch: Offsets,
    at: DateTime<Utc>,
) -> Result<Guard, StoreError> {
    let mut tx = pool.begin().await?;
    // Locked: a word of life comes before it is counted, or after.
    let guard = Guard::after(read_in_tx(&mut tx, fence).await?, *batch.start());
    let (suspects, trial) = match &guard.suspects {
        Some(suspects) => (suspects.clone(), None),
        None => (batch.clone(), Some(batch)),
    };
    let done = query!("crash_guard_note": &fence.topic, fence.partition, suspects.start(),
        suspects.end(), trial.as_ref().map(RangeInclusive::start),
        trial.as_ref().map(RangeInclusive::end), guard.alone_deaths, at, &fence.group, fence.epoch,
        &guard.counted)
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::Fenced);
    }
    tx.commit().await?;
    Ok(guard)
}

/// Says that the owner of the partition lives, or lived on: nothing of it is on trial, and if
/// whoever has the partition now took it for dead, that counts no more.
pub async fn lives(pool: &PgPool, fence: &Fence, at: DateTime<Utc>) -> Result<(), StoreError> {
    let query = query!("crash_guard_lives": &fence.topic);
    query.bind(fence.partition).bind(fence.epoch).bind(at).execute(pool).await?;
    Ok(())
}

impl Guard {
    /// What follows from a note, if the partition goes on at `next`.
    fn after(note: Option<Note>, next: i64) -> Self {
        let Some(note) = note else {
            return Self::new(None, 0, Vec::new());
        };
        let (mut deaths, mut counted) = (note.alone_deaths, note.counted);
        match note.trial {
            Some(trial) if trial.contains(&next) => {
                // One of several that were tried in haste is not blamed yet.
                let last = note.suspects == trial && trial.start() == trial.end();
                if note.alone && last {
                    deaths = deaths.saturating_add(1);
                    counted.extend(note.epoch);
                } else {
                    (deaths, counted) = (0, Vec::new());
                }
                Self::new(Some(next..=*trial.end()), deaths, counted)
            }
            _ if note.suspects.contains(&next) => {
                if *note.suspects.start() != next {
                    (deaths, counted) = (0, Vec::new());
                }
                Self::new(Some(next..=*note.suspects.end()), deaths, counted)
            }
            _ => Self::new(None, 0, Vec::new()),
        }
    }

    fn new(suspects: Option<Offsets>, alone_deaths: i32, counted: Vec<i64>) -> Self {
        let width = suspects.as_ref().map_or(0, |s| s.end().abs_diff(*s.start()).saturating_add(1));
        let part = usize::try_from(width.div_ceil(PARTS)).unwrap_or(usize::MAX).max(1);
        Self { suspects, alone_deaths, counted, part }
    }

    /// Whether there are suspects, that is to say, parts to be tried apart.
    pub fn is_careful(&self) -> bool {
        self.suspects.is_some()
    }

    /// Whether one suspect is left: a death at it counts, so it is tried only when the process has
    /// lived for a while.
    pub fn is_down_to_one(&self) -> bool {
        self.suspects.as_ref().is_some_and(|suspects| suspects.start() == suspects.end())
    }

    /// Whether the process died at this record before, and at nothing else, often enough.
    pub fn kills(&self, offset: i64) -> bool {
        self.alone_deaths >= DEATHS_ALONE && self.suspects == Some(offset..=offset)
    }

    /// How many of the records with these offsets, in order, are to be tried at once. Zero: none
    /// of them is a suspect.
    pub fn part_of(&self, offsets: impl Iterator<Item = i64>) -> usize {
        let Some(suspects) = &self.suspects else { return 0 };
        offsets.take(self.part).take_while(|offset| offset <= suspects.end()).count()
    }

    /// Reads again how many deaths count: who was counted may have said that it lives.
    ///
    /// # Errors
    /// When the database fails; [`StoreError::Fenced`] when another worker wrote the note since.
    pub async fn look_again(&mut self, pool: &PgPool, fence: &Fence) -> Result<(), StoreError> {
        let query = sqlx::query_scalar(sql!("crash_guard_deaths"));
        let query = query.bind(&fence.topic).bind(fence.partition).bind(fence.epoch);
        let counted: Option<i32> = query.fetch_optional(pool).await?;
        self.alone_deaths = counted.ok_or(StoreError::Fenced)?;
        Ok(())
    }

    /// Writes down that these records, and nothing else, are about to be decoded.
    ///
    /// # Errors
    /// When the database fails; [`StoreError::Fenced`] when another worker has the partition, or
    /// wrote the note since.
    pub async fn announce(
        &self,
        pool: &PgPool,
        fence: &Fence,
        trial: Offsets,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let Some(suspects) = &self.suspects else { return Ok(()) };
        let done = query!("crash_guard_announce": &fence.topic, fence.partition, suspects.start(),
            suspects.end(), trial.start(), trial.end(), at, &fence.group, fence.epoch)
        .execute(pool)
        .await?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Fenced) }
    }

    /// The records up to `last` were handled.
    pub fn survived(&mut self, last: i64) {
        (self.alone_deaths, self.counted) = (0, Vec::new());
        self.suspects = self.suspects.take().and_then(|suspects| {
            let next = last.checked_add(1)?;
            (next <= *suspects.end()).then(|| next..=*suspects.end())
        });
    }
}

async fn read_in_tx(tx: &mut Tx<'_>, fence: &Fence) -> Result<Option<Note>, StoreError> {
    let query = query!("crash_guard_read": &fence.topic, fence.partition);
    let Some(row) = query.fetch_optional(&mut **tx).await? else {
        return Ok(None);
    };
    let trial: (Option<i64>, Option<i64>) = (row.try_get(2)?, row.try_get(3)?);
    Ok(Some(Note {
        suspects: row.try_get(0)?..=row.try_get(1)?,
        trial: trial.0.zip(trial.1).map(|(first, last)| first..=last),
        alone: row.try_get(4)?,
        alone_deaths: row.try_get(5)?,
        epoch: row.try_get(6)?,
        counted: row.try_get(7)?,
    }))
}

/// The batch ended in order. What another worker noted since stays.
pub async fn clear(pool: &PgPool, fence: &Fence) -> Result<(), StoreError> {
    query!("crash_guard_clear": &fence.topic, fence.partition, fence.epoch).execute(pool).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(suspects: Offsets, trial: Option<Offsets>, alone: bool, alone_deaths: i32) -> Note {
        Note { suspects, trial, alone, alone_deaths, epoch: Some(3), counted: Vec::new() }
    }

    /// A process that dies whenever `deadly` is in hand: how often, until it is diverted.
    fn deaths_until_diverted(count: i64, deadly: i64) -> u32 {
        let mut note: Option<Note> = None;
        let mut next = 0_i64;
        for deaths in 0..20 {
            let mut guard = Guard::after(note, next);
            if guard.suspects.is_none() {
                let batch = next..=count - 1;
                let trial = Some(batch.clone());
                note = Some(noted(batch, trial, false, 0));
                continue;
            }
            loop {
                if guard.kills(next) {
                    assert_eq!(next, deadly, "the wrong one is diverted");
                    return deaths;
                }
                let part = i64::try_from(guard.part_of(next..count)).expect("small");
                assert!(part > 0, "the deadly one was not tried");
                let trial = next..=next + part - 1;
                if trial.contains(&deadly) {
                    let suspects = guard.suspects.clone().expect("suspects");
                    let alone_deaths = guard.alone_deaths;
                    note = Some(noted(suspects, Some(trial), true, alone_deaths));
                    break;
                }
                guard.survived(*trial.end());
                next = trial.end() + 1;
            }
        }
        panic!("never diverted");
    }

    #[test]
    fn a_deadly_record_is_found_within_six_deaths() {
        for (count, deadly) in [(1, 0), (2, 1), (31, 30), (32, 0), (1_000, 999), (1_000, 517)] {
            let deaths = deaths_until_diverted(count, deadly);
            assert!(deaths <= 6, "{deaths} deaths for {deadly} of {count}");
        }
    }

    /// Who comes last of few is alone as soon as the others have survived: then the batch and two
    /// trials that count are all.
    #[test]
    fn the_last_of_few_costs_three_deaths_and_nobody_costs_fewer() {
        assert_eq!(deaths_until_diverted(32, 31), 3);
        for deadly in 0..40 {
            assert!((3..=6).contains(&deaths_until_diverted(40, deadly)), "{deadly}");
        }
    }

    /// The kind of trial decides: a death beside others, or with others on trial, blames nobody.
    #[test]
    fn only_deaths_alone_count() {
        let note = |trial: Offsets, alone, alone_deaths| {
            Some(noted(5..=5, Some(trial), alone, alone_deaths))
        };
        assert_eq!(Guard::after(note(5..=5, false, 1), 5).alone_deaths, 0);
        assert_eq!(Guard::after(note(5..=6, true, 1), 5).alone_deaths, 0);
        let among = noted(5..=9, Some(5..=5), true, 0);
        let guard = Guard::after(Some(among), 5);
        assert_eq!((guard.alone_deaths, guard.is_down_to_one()), (0, true));
        assert!(Guard::after(note(5..=5, true, 1), 5).kills(5));
        assert!(!Guard::after(note(5..=5, true, 0), 5).kills(5));
        assert!(!Guard::after(note(5..=5, true, 1), 6).is_careful());
        let waits = Some(noted(5..=9, None, false, 0));
        assert_eq!(Guard::after(waits, 7).suspects, Some(7..=9));
    }

    /// Each death that counts bears the name of the owner who died, and goes with the count.
    #[test]
    fn who_died_is_kept_as_long_as_it_counts() {
        let note = |trial| Note { counted: vec![2], ..noted(5..=5, trial, true, 1) };
        let guard = Guard::after(Some(note(Some(5..=5))), 5);
        assert_eq!((guard.alone_deaths, guard.counted), (2, vec![2, 3]));
        let guard = Guard::after(Some(note(None)), 5);
        assert_eq!((guard.alone_deaths, guard.counted), (1, vec![2]));
        let among = Note { counted: vec![2], ..noted(5..=9, Some(5..=7), true, 1) };
        assert!(Guard::after(Some(among), 5).counted.is_empty());
        let earlier = Note { epoch: None, ..note(Some(5..=5)) };
        let guard = Guard::after(Some(earlier), 5);
        assert_eq!((guard.alone_deaths, guard.counted), (2, vec![2]));
    }
}
