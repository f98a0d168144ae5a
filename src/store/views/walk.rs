//! Walks through payments in one order, a bounded number of rows at a time, and keeps those that
//! fit. Each statement reads a part of one index; a page ends when it is full or when enough was
//! looked at, and says how far it came.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use super::payments::{PaymentFilter, PaymentRow};
use super::readings::Reading;
use super::search::{self, Said, Words};
use super::{Listed, Looked, Page, Result};
use crate::store::PgPool;
use crate::store::sql;

const BY_ID: &str = sql!("views_walk_id");
const OPEN: &str = sql!("views_walk_open");
const TIME: [&str; 2] = [sql!("views_walk_time_newest"), sql!("views_walk_time_oldest")];
const AMOUNT: [&str; 2] = [sql!("views_walk_amount_newest"), sql!("views_walk_amount_oldest")];
const ACCOUNT: [&str; 2] = [sql!("views_walk_account_newest"), sql!("views_walk_account_oldest")];
const SAID: &str = sql!("views_find_said");
const FITTING: &str = sql!("views_payments_fitting");

/// Rows that are looked at for one page.
pub const LOOK_MAX: usize = 50_000;
/// Texts that are looked at where nobody says how far.
const GLANCE: usize = 20_000;
/// Rows of the first statement, and of the largest.
const STEP_MIN: usize = 256;
const STEP_MAX: usize = 8_192;

/// The order of a list of payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Id,
    Newest,
    Oldest,
    /// The largest first, of those that were looked at.
    Amount,
}

/// States in which a payment has money to give: exactly the open payments.
const OPEN_STATES: [&str; 3] = ["parked", "on_account", "partly_allocated"];

/// Which index is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Id,
    Open,
    Time,
    Amount,
    Account,
}

/// A payment's place in every order.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
struct Place {
    received_on: NaiveDate,
    recorded_at: DateTime<Utc>,
    payment_id: String,
}

impl Place {
    /// Before everything in this order.
    fn start(newest: bool) -> Self {
        let (day, id) = if newest { (last_day(), "~") } else { (first_day(), "") };
        let recorded_at = day.and_time(chrono::NaiveTime::MIN).and_utc();
        Self { received_on: day, recorded_at, payment_id: id.to_owned() }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '/');
        Some(Self {
            received_on: parts.next()?.parse().ok()?,
            recorded_at: DateTime::parse_from_rfc3339(parts.next()?).ok()?.to_utc(),
            payment_id: parts.next()?.to_owned(),
        })
    }

    fn cursor(&self) -> String {
        let at = self.recorded_at.to_rfc3339_opts(SecondsFormat::Micros, true);
        format!("{}/{at}/{}", self.received_on, self.payment_id)
    }
}

/// Days that no payment is outside of; the database's own limits are wider.
fn first_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(1, 1, 1).unwrap_or(NaiveDate::MIN)
}

fn last_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(9999, 12, 31).unwrap_or(NaiveDate::MAX)
}

/// One walk.
#[derive(Debug)]
struct Walk<'a> {
    filter: &'a PaymentFilter,
    way: Way,
    newest: bool,
    text: Option<Words>,
}

/// Whether a cursor is one of the order that this filter has.
pub fn is_cursor(filter: &PaymentFilter, cursor: &str) -> bool {
    if filter.sort == Some(Sort::Amount) {
        return by_amount(cursor).is_some();
    }
    match Walk::new(filter).way {
        Way::Id | Way::Open => !cursor.contains('/'),
        Way::Time | Way::Amount | Way::Account => Place::parse(cursor).is_some(),
    }
}

/// One page of the payments that fit.
pub async fn page(
    pool: &PgPool,
    filter: &PaymentFilter,
    page: &Page,
) -> Result<Listed<PaymentRow>> {
    let walk = Walk::new(filter);
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    if filter.sort == Some(Sort::Amount) {
        // Who sorts needs all of them.
        let gone = walk.gather(pool, walk.start(None), usize::MAX).await?;
        return Ok(largest(gone, page.after.as_deref(), limit));
    }
    let wanted = limit.saturating_add(1);
    let gone = walk.gather(pool, walk.start(page.after.as_deref()), wanted).await?;
    let next = match gone.found.get(limit.saturating_sub(1)) {
        Some((_, last)) if gone.found.len() > limit => Some(walk.cursor(last)),
        _ if gone.looked.is_some() => Some(walk.cursor(&gone.place)),
        _ => None,
    };
    let items = gone.found.into_iter().take(limit).map(|(row, _)| row).collect();
    Ok(Listed { items, next, looked: gone.looked })
}

/// What a walk found.
struct Gone {
    found: Vec<(PaymentRow, Place)>,
    place: Place,
    looked: Option<Looked>,
}

/// The largest first, those after the cursor `MICROS/PAYMENT`.
fn largest(gone: Gone, after: Option<&str>, limit: usize) -> Listed<PaymentRow> {
    let mut items: Vec<PaymentRow> = gone.found.into_iter().map(|(row, _)| row).collect();
    let key = |row: &PaymentRow| (std::cmp::Reverse(row.micros), row.payment_id.clone());
    items.sort_by_key(key);
    if let Some((micros, id)) = after.and_then(by_amount) {
        items.retain(|row| key(row) > (std::cmp::Reverse(micros), id.to_owned()));
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let cursor = |row: &PaymentRow| format!("{}/{}", row.micros, row.payment_id);
    let next = items.last().filter(|_| more).map(cursor);
    Listed { items, next, looked: gone.looked }
}

fn by_amount(cursor: &str) -> Option<(i64, &str)> {
    let (micros, id) = cursor.split_once('/')?;
    Some((micros.parse().ok()?, id))
}

/// The newest payments in whose texts or payers' names one of the words is, at most `most`; those
/// that have all of them are looked for longer.
pub(super) async fn texts(
    pool: &PgPool,
    words: &[&Reading],
    since: Option<NaiveDate>,
    most: usize,
) -> Result<(Vec<String>, Option<Looked>)> {
    let (mut all, mut some) = (Vec::new(), Vec::new());
    let (mut place, mut rows) = (Place::start(true), 0_usize);
    let look_max = if since.is_some() { LOOK_MAX } else { GLANCE };
    while rows < look_max && all.len() < most {
        let found = sqlx::query(SAID)
            .bind(place.received_on)
            .bind(place.recorded_at)
            .bind(&place.payment_id)
            .bind(since.unwrap_or_else(first_day))
            .bind(i64::try_from(STEP_MAX).unwrap_or(i64::MAX))
            .fetch_all(pool)
            .await?;
        rows = rows.saturating_add(found.len());
        for row in &found {
            let said = Said::new(&said(row)?);
            let payer = text(row, "debtor_account")?;
            let paid = |word: &str| search::is_account(&payer, word).is_some();
            let fits = |word: &&&Reading| word.text.is_in(&said) || paid(&word.word);
            let fitting = words.iter().filter(fits).count();
            if fitting == words.len() {
                all.push(row.try_get("payment_id")?);
            } else if fitting > 0 && some.len() < most {
                some.push(row.try_get("payment_id")?);
            }
        }
        if let Some(last) = found.last() {
            place = Place::from_row(last)?;
        }
        if found.len() < STEP_MAX {
            all.extend(some);
            return Ok((all, None));
        }
    }
    all.extend(some);
    Ok((all, Some(Looked { rows, as_far_as: place.received_on.to_string() })))
}

fn text(row: &PgRow, column: &str) -> Result<String> {
    Ok(row.try_get::<Option<String>, _>(column)?.unwrap_or_default())
}

/// All that was written on a payment, by payer, bank and persons.
fn said(row: &PgRow) -> Result<String> {
    let (said, noted) = (text(row, "said")?, text(row, "noted")?);
    Ok(format!("{said} {noted} {}", text(row, "debtor_name")?))
}

impl<'a> Walk<'a> {
    fn new(filter: &'a PaymentFilter) -> Self {
        let by_time = filter.account.is_some() || filter.is_search();
        let sort = match filter.sort {
            None if by_time => Sort::Newest,
            None => Sort::Id,
            Some(sort) => sort,
        };
        let open = filter.state.as_deref().is_some_and(|state| OPEN_STATES.contains(&state));
        let way = match sort {
            Sort::Id | Sort::Amount if open && filter.account.is_none() => Way::Open,
            Sort::Id => Way::Id,
            Sort::Newest | Sort::Oldest | Sort::Amount => {
                if filter.account.is_some() {
                    Way::Account
                } else if filter.amount.is_some() {
                    Way::Amount
                } else {
                    Way::Time
                }
            }
        };
        let text = filter.text.as_deref().map(Words::new);
        Self { filter, way, newest: sort != Sort::Oldest, text }
    }

    /// Whether most of what is walked may not fit.
    fn is_narrow(&self) -> bool {
        let filter = self.filter;
        filter.is_search() || filter.state.is_some() || filter.reason.is_some()
    }

    /// Walks on until so many fit, all was seen, or enough was looked at.
    async fn gather(&self, pool: &PgPool, start: Place, wanted: usize) -> Result<Gone> {
        let mut gone = Gone { found: Vec::new(), place: start, looked: None };
        let mut looked = 0_usize;
        let mut step = if self.is_narrow() { STEP_MIN } else { wanted.min(STEP_MAX) };
        while gone.found.len() < wanted {
            if looked >= LOOK_MAX {
                let as_far_as = self.name(&gone.place);
                gone.looked = Some(Looked { rows: looked, as_far_as });
                break;
            }
            let places = self.step(pool, &gone.place, step).await?;
            let ended = places.len() < step;
            looked = looked.saturating_add(places.len());
            if let Some(last) = places.last() {
                gone.place = last.clone();
            }
            gone.found.extend(self.fitting(pool, places).await?);
            if ended {
                break;
            }
            step = step.saturating_mul(4).min(STEP_MAX);
        }
        Ok(gone)
    }

    fn start(&self, after: Option<&str>) -> Place {
        match (self.way, after) {
            (Way::Id | Way::Open, after) => {
                Place { payment_id: after.unwrap_or_default().to_owned(), ..Place::start(false) }
            }
            (_, after) => after.and_then(Place::parse).unwrap_or_else(|| Place::start(self.newest)),
        }
    }

    fn cursor(&self, place: &Place) -> String {
        match self.way {
            Way::Id | Way::Open => place.payment_id.clone(),
            Way::Time | Way::Amount | Way::Account => place.cursor(),
        }
    }

    fn name(&self, place: &Place) -> String {
        match self.way {
            Way::Id | Way::Open => place.payment_id.clone(),
            Way::Time | Way::Amount | Way::Account => place.received_on.to_string(),
        }
    }

    fn days(&self) -> (NaiveDate, NaiveDate) {
        let since = self.filter.since.unwrap_or_else(first_day);
        (since, self.filter.until.unwrap_or_else(last_day))
    }

    async fn step(&self, pool: &PgPool, place: &Place, step: usize) -> Result<Vec<Place>> {
        let limit = i64::try_from(step).unwrap_or(i64::MAX);
        let (since, until) = self.days();
        let which = usize::from(!self.newest);
        let by_time = |sql: [&'static str; 2]| {
            let [newest, oldest] = sql;
            sqlx::query_as(if which == 0 { newest } else { oldest })
                .bind(place.received_on)
                .bind(place.recorded_at)
                .bind(&place.payment_id)
                .bind(since)
                .bind(until)
                .bind(limit)
        };
        let query = match self.way {
            Way::Id => sqlx::query_as(BY_ID).bind(&place.payment_id).bind(limit),
            Way::Open => sqlx::query_as(OPEN).bind(&place.payment_id).bind(limit),
            Way::Time => by_time(TIME),
            Way::Amount => by_time(AMOUNT).bind(self.filter.amount),
            Way::Account => by_time(ACCOUNT).bind(&self.filter.account),
        };
        query.fetch_all(pool).await
    }

    async fn rows(&self, pool: &PgPool, places: Vec<Place>) -> Result<Vec<PgRow>> {
        let ids: Vec<String> = places.into_iter().map(|place| place.payment_id).collect();
        let (since, until) = self.days();
        let filter = self.filter;
        sqlx::query(FITTING)
            .bind(&ids)
            .bind(&filter.account)
            .bind(&filter.state)
            .bind(&filter.reason)
            .bind(&filter.currency)
            .bind(filter.amount)
            .bind(since)
            .bind(until)
            .bind(self.text.is_some() || filter.payer.is_some())
            .bind(&filter.rule)
            .fetch_all(pool)
            .await
    }

    async fn fitting(&self, pool: &PgPool, places: Vec<Place>) -> Result<Vec<(PaymentRow, Place)>> {
        let mut found = Vec::new();
        for row in &self.rows(pool, places).await? {
            if self.says(row)? {
                found.push((PaymentRow::from_row(row)?, Place::from_row(row)?));
            }
        }
        Ok(found)
    }

    /// Whether text and payer are those that are looked for.
    fn says(&self, row: &PgRow) -> Result<bool> {
        if let Some(words) = &self.text
            && !words.are_in(&said(row)?)
        {
            return Ok(false);
        }
        let Some(payer) = &self.filter.payer else { return Ok(true) };
        let name = text(row, "debtor_name")?;
        let named = !name.is_empty() && Words::new(payer).are_in(&name);
        Ok(named || search::is_account(&text(row, "debtor_account")?, payer).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_a_place_of_its_own_order() {
        let place = Place::parse("2026-11-22/2026-11-22T10:00:00.000001Z/BANK:A:1").expect("place");
        assert_eq!(Place::parse(&place.cursor()), Some(place));
        let by_id = PaymentFilter::default();
        let by_time = PaymentFilter { amount: Some(5), ..PaymentFilter::default() };
        let cursor = "2026-11-22/2026-11-22T10:00:00Z/P";
        assert!(is_cursor(&by_id, "P-1") && !is_cursor(&by_id, cursor));
        assert!(is_cursor(&by_time, cursor) && !is_cursor(&by_time, "P-1"));
    }
}
