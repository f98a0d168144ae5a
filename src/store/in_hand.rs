//! Finds the item of a sweep, a job or a replay that kills the process, and blames no other.
//!
//! Such items have no place in a log, so they are named. A group is written down before it is
//! worked on, in a transaction of its own, and the note goes when the group has ended in order. A
//! note whose time is over, or whose owner is known to be gone, was left by a death: its items are
//! suspects, and no more than that. Suspects are tried in parts of one thirty-second, then one by
//! one, each announced and with nothing else of the process decoded or decided. An item that was
//! the only one at a death is tried so that a further death counts; after two such deaths it is in
//! `failing_items` as `crash_loop` and is tried seldom. Who survives is suspected no more, also
//! when the attempt ended with an error.
//!
//! An item in hand is taken by nobody else meanwhile: so one process dies of it, not all in turn.

use std::time::Duration;

use chrono::{DateTime, Utc};
use foldhash::{HashMap, HashMapExt as _};
use sqlx::Row;

use super::failing::Kind;
use super::{PgPool, StoreError, Tx, sql};

/// Who runs a job: one at a time, and a new run knows that the one before is gone.
pub const JOB: i64 = 0;
/// No owner.
const NOBODY: i64 = -1;
/// A note that was not renewed for so long was left by a death.
pub const LEASE: Duration = Duration::from_secs(30);
/// Into so many parts suspects are divided.
const PARTS: usize = 32;
/// An item is put aside after so many deaths that count.
const DEATHS_COUNTED: i32 = 2;

/// What is known of an item before it is worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nobody suspects it.
    Free,
    /// It was in hand at a death, among others.
    Once,
    /// At several, among others.
    Again,
    /// It was the only one at a death.
    Singly,
    /// It was put aside, and its time has not come.
    Later,
    /// Somebody else has it in hand.
    Elsewhere,
}

/// How items are worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Beside all else.
    Beside,
    /// With nothing else of the process decoded or decided.
    Apart,
    /// As `Apart`, one item; a death counts.
    Counted,
    /// Not at all: it is to be told.
    Not,
}

/// Items that are worked on together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub items: Vec<String>,
    pub how: How,
}

/// Who takes items of a kind.
#[derive(Debug, Clone, Copy)]
pub struct Taker {
    pub kind: Kind,
    pub owner: i64,
    /// They keep their order; the rows' own locks tell who has one.
    pub in_order: bool,
}

/// What became of items that somebody wants to work on.
#[derive(Debug, Default)]
pub struct Taken {
    pub parts: Vec<Part>,
    /// Whether the first part is announced already.
    pub announced: bool,
    /// Whether any is tried apart, or not at all.
    pub suspects: bool,
    /// Put aside just now, or due again after that.
    pub killers: Vec<String>,
}

/// A number for this process, which no other ever has.
pub async fn new_owner(pool: &PgPool) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(sql!("in_hand_owner")).fetch_one(pool).await?)
}

/// The owner is gone, whoever it was: what it left is suspected.
pub async fn bury(
    pool: &PgPool,
    kind: Kind,
    owner: i64,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut tx = pool.begin().await?;
    bury_in_tx(&mut tx, kind, owner, at).await?;
    tx.commit().await?;
    Ok(())
}

/// The items that killed the process once more, and are put aside.
async fn bury_in_tx(
    tx: &mut Tx<'_>,
    kind: Kind,
    owner: i64,
    at: DateTime<Utc>,
) -> Result<Vec<String>, StoreError> {
    query!("in_hand_lock": kind.word()).execute(&mut **tx).await?;
    let query = scalar!("in_hand_bury": kind.word(), owner, at);
    let killers: Vec<String> = query.fetch_all(&mut **tx).await?;
    if !killers.is_empty() {
        tracing::error!(
            kind = kind.word(),
            items = killers.len(),
            code = "crash_loop",
            "the process died twice at an item alone: it is tried seldom, the others go on"
        );
    }
    Ok(killers)
}

/// Takes items in hand. Those that nobody suspects are announced at once, unless the order wants it
/// otherwise. What the owner left noted itself is forgotten, for it lives.
pub async fn take(
    pool: &PgPool,
    taker: Taker,
    items: &[String],
    at: DateTime<Utc>,
) -> Result<Taken, StoreError> {
    let (kind, none): (_, &[String]) = (taker.kind, &[]);
    let mut tx = pool.begin().await?;
    let end = query!("in_hand_end": kind.word(), taker.owner, none);
    end.execute(&mut *tx).await?;
    let mut killers = bury_in_tx(&mut tx, kind, NOBODY, at).await?;
    let known = states_in_tx(&mut tx, taker, items, at).await?;
    killers.extend(known.iter().filter(|(_, state)| state.1).map(|(item, _)| item.clone()));
    let standing = |item: &String| known.get(item).map_or(Standing::Free, |state| state.0);
    let all: Vec<(String, Standing)> =
        items.iter().map(|item| (item.clone(), standing(item))).collect();
    let suspects = all.iter().any(|(_, standing)| *standing != Standing::Free);
    let parts = parts(all, taker.in_order);
    let first = parts.first().filter(|part| part.how == How::Beside);
    if let Some(first) = first {
        note_in_tx(&mut tx, taker, &first.items, false).await?;
    }
    let announced = first.is_some();
    tx.commit().await?;
    Ok(Taken { parts, announced, suspects, killers })
}

/// Writes down that these, and nothing else, are about to be tried; returns those that nobody else
/// has.
pub async fn announce(
    pool: &PgPool,
    taker: Taker,
    part: &Part,
    at: DateTime<Utc>,
) -> Result<Vec<String>, StoreError> {
    let mut tx = pool.begin().await?;
    query!("in_hand_lock": taker.kind.word()).execute(&mut *tx).await?;
    let known = states_in_tx(&mut tx, taker, &part.items, at).await?;
    let held = |item: &String| {
        known.get(item).is_some_and(|(standing, _)| *standing == Standing::Elsewhere)
    };
    let mine: Vec<String> = part.items.iter().filter(|item| !held(item)).cloned().collect();
    if !mine.is_empty() {
        note_in_tx(&mut tx, taker, &mine, part.how == How::Counted).await?;
    }
    tx.commit().await?;
    Ok(mine)
}

/// Those of which something is known, and whether each killed often enough to be put aside.
async fn states_in_tx(
    tx: &mut Tx<'_>,
    taker: Taker,
    items: &[String],
    at: DateTime<Utc>,
) -> Result<HashMap<String, (Standing, bool)>, StoreError> {
    let query = query!("in_hand_states": taker.kind.word(), items);
    let rows = query.bind(taker.owner).bind(at).fetch_all(&mut **tx).await?;
    let mut known = HashMap::with_capacity(rows.len());
    for row in &rows {
        let (deaths, counted): (i32, i32) = (row.try_get("deaths")?, row.try_get("counted")?);
        let elsewhere: bool = row.try_get("elsewhere")?;
        let standing = if elsewhere && !taker.in_order {
            Standing::Elsewhere
        } else if row.try_get("later")? {
            Standing::Later
        } else if row.try_get("singly")? {
            Standing::Singly
        } else {
            match deaths {
                0 => Standing::Free,
                1 => Standing::Once,
                _ => Standing::Again,
            }
        };
        let kills = standing == Standing::Singly && counted >= DEATHS_COUNTED;
        known.insert(row.try_get("item")?, (standing, kills));
    }
    Ok(known)
}

async fn note_in_tx(
    tx: &mut Tx<'_>,
    taker: Taker,
    items: &[String],
    counted: bool,
) -> Result<(), StoreError> {
    query!("in_hand_note": taker.kind.word(), taker.owner, items, counted, lease_millis())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn lease_millis() -> i64 {
    i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX)
}

/// The owner still works on what it noted.
pub async fn renew(pool: &PgPool, taker: Taker) -> Result<(), StoreError> {
    let query = query!("in_hand_renew": taker.kind.word(), taker.owner);
    query.bind(lease_millis()).execute(pool).await?;
    Ok(())
}

/// What was in hand ended in order, whatever came of it; `survived` were suspects.
pub async fn end(pool: &PgPool, taker: Taker, survived: &[String]) -> Result<(), StoreError> {
    let query = query!("in_hand_end": taker.kind.word(), taker.owner);
    query.bind(survived).execute(pool).await?;
    Ok(())
}

/// Forgets suspects that nobody came back to.
pub async fn forget(pool: &PgPool, at: DateTime<Utc>) -> Result<(), StoreError> {
    query!("crash_suspects_forget": at).execute(pool).await?;
    Ok(())
}

/// The parts in which items are worked on. Where no order is to be kept: first those that nobody
/// suspects, then those that may be cleared fast, at last those whose trial counts; what is not to
/// be worked on is left out.
pub fn parts(mut items: Vec<(String, Standing)>, in_order: bool) -> Vec<Part> {
    if !in_order {
        items.retain(|(_, one)| !matches!(one, Standing::Later | Standing::Elsewhere));
        items.sort_by_key(|(_, one)| match one {
            Standing::Free => 0,
            Standing::Once => 1,
            Standing::Again => 2,
            Standing::Singly | Standing::Later | Standing::Elsewhere => 3,
        });
    }
    let once = items.iter().filter(|(_, one)| *one == Standing::Once).count();
    let size = once.div_ceil(PARTS).max(1);
    let mut parts: Vec<Part> = Vec::new();
    let mut before = None;
    for (item, one) in items {
        let (how, most) = match one {
            Standing::Free | Standing::Elsewhere => (How::Beside, usize::MAX),
            Standing::Once => (How::Apart, size),
            Standing::Again => (How::Apart, 1),
            Standing::Singly => (How::Counted, 1),
            Standing::Later => (How::Not, 1),
        };
        match parts.last_mut() {
            Some(part) if before == Some(one) && part.items.len() < most => part.items.push(item),
            _ => parts.push(Part { items: vec![item], how }),
        }
        before = Some(one);
    }
    parts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// What is known of an item: deaths, whether alone, those that count.
    type Known = (usize, bool, i32);

    fn standing(known: Option<&Known>) -> Standing {
        match known {
            None => Standing::Free,
            Some((_, true, _)) => Standing::Singly,
            Some((1, ..)) => Standing::Once,
            Some(_) => Standing::Again,
        }
    }

    /// A process that dies whenever `deadly` is in hand: how often, until it is put aside.
    fn deaths_until_put_aside(count: usize, deadly: usize, in_order: bool) -> usize {
        let mut known: BTreeMap<usize, Known> = BTreeMap::new();
        for deaths in 0..20 {
            if known.get(&deadly).is_some_and(|one| one.2 >= DEATHS_COUNTED) {
                return deaths;
            }
            let all: Vec<(String, Standing)> =
                (0..count).map(|n| (n.to_string(), standing(known.get(&n)))).collect();
            for part in parts(all, in_order) {
                let numbers: Vec<usize> =
                    part.items.iter().map(|item| item.parse().expect("a number")).collect();
                if !numbers.contains(&deadly) {
                    known.retain(|number, _| !numbers.contains(number));
                    continue;
                }
                for number in numbers {
                    let one = known.entry(number).or_default();
                    one.0 += 1;
                    one.1 |= part.items.len() == 1;
                    one.2 += i32::from(part.how == How::Counted);
                }
                break;
            }
        }
        panic!("never put aside");
    }

    #[test]
    fn an_item_that_kills_is_found_within_six_deaths() {
        for (count, deadly) in [(1, 0), (2, 1), (31, 30), (32, 0), (200, 199), (500, 250)] {
            for in_order in [false, true] {
                let deaths = deaths_until_put_aside(count, deadly, in_order);
                assert!(deaths <= 6, "{deaths} deaths for {deadly} of {count}");
            }
        }
    }

    #[test]
    fn suspects_of_a_page_are_cleared_in_thirty_two_trials() {
        let all = (0..500).map(|number: usize| (number.to_string(), Standing::Once)).collect();
        let parts = parts(all, false);
        assert_eq!(parts.len(), 32);
        assert!(parts.iter().all(|part| part.how == How::Apart));
    }

    #[test]
    fn letters_keep_their_order_and_what_is_not_worked_on_is_told() {
        let all = [
            ("1", Standing::Free),
            ("2", Standing::Free),
            ("3", Standing::Singly),
            ("4", Standing::Free),
            ("5", Standing::Later),
            ("6", Standing::Elsewhere),
        ];
        let all = || all.map(|(item, one)| (item.to_owned(), one)).to_vec();
        let told = |parts: Vec<Part>| {
            parts.iter().map(|part| (part.items.join(""), part.how)).collect::<Vec<_>>()
        };
        let ordered = [
            ("12".to_owned(), How::Beside),
            ("3".to_owned(), How::Counted),
            ("4".to_owned(), How::Beside),
            ("5".to_owned(), How::Not),
            ("6".to_owned(), How::Beside),
        ];
        assert_eq!(told(parts(all(), true)), ordered);
        let apart = [("124".to_owned(), How::Beside), ("3".to_owned(), How::Counted)];
        assert_eq!(told(parts(all(), false)), apart);
    }
}
