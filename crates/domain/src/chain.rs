//! How the statements of one bank account and currency follow each other and what each of them
//! covers, held against the entries that were recorded.
//!
//! An entry is of every statement that names it. A statement follows one that closes with what it
//! opens with. Else it may cover earlier ones: it opens where one of them opens, as the statement
//! of a day does over the intraday reports of it, or that of a month over its days. What it covers
//! is in it, so its entries are those that name it or one of them, each once. What is told of a
//! covered statement is not told again of the one that covers it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

/// How far back a statement may begin.
const COVERS_WITHIN: TimeDelta = TimeDelta::days(400);

/// A statement as the bank sent it; sums in micros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    pub id: String,
    /// What it is shown as: its id, with the year or day where the bank used that again.
    pub subject: String,
    pub opening: i128,
    pub closing: i128,
    pub entries: i64,
    pub through: DateTime<Utc>,
    /// The last day of it.
    pub end: NaiveDate,
}

impl Stated {
    /// What it says of its entries.
    fn moved(&self) -> Count {
        Count { entries: self.entries, total: self.closing.saturating_sub(self.opening) }
    }
}

/// Entries of one day that the same statements name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booked {
    /// Their ids; without one that came they are of the statement of their day, unless they name
    /// one themselves.
    pub names: Vec<String>,
    /// Whether they name one themselves, and not only what told of them again.
    pub own: bool,
    pub day: NaiveDate,
    pub entries: i64,
    pub total: i128,
}

/// Entries by number and sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    pub entries: i64,
    pub total: i128,
}

impl Count {
    fn plus(self, other: Self) -> Self {
        Self {
            entries: self.entries.saturating_add(other.entries),
            total: self.total.saturating_add(other.total),
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            entries: self.entries.saturating_sub(other.entries),
            total: self.total.saturating_sub(other.total),
        }
    }

    fn of(booked: &Booked) -> Self {
        Self { entries: booked.entries, total: booked.total }
    }
}

/// A statement in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub at: usize,
    /// Itself and what it covers: what names one of these is an entry of it.
    pub members: Vec<usize>,
    /// What names no statement is an entry of it if booked after this day; none: however early.
    pub since: Option<NaiveDate>,
    /// What it opens with; with the one before it, where they share what names no statement.
    pub opening: i128,
    pub stated: i64,
    pub found: Count,
    /// What is told of the statements that it covers.
    pub told: Count,
    /// The one before it that closes with something else.
    pub gap_to: Option<usize>,
    /// Whether it can be held against its entries: not where a later one of the same day shares
    /// entries with it that name no statement.
    pub checked: bool,
    /// Whether it lies within another one, which then is the one before the next.
    inside: bool,
    /// The place where what it covers begins.
    from: usize,
    /// What is recorded less what it says.
    differs: Count,
}

impl Placed {
    /// The difference that is told of it, in entries and in money: what is not told of those that
    /// it covers.
    pub fn own(&self) -> Count {
        let net = self.differs.minus(self.told);
        let told = |differs: bool| self.checked && differs;
        Count {
            entries: if told(self.differs.entries != 0) { net.entries } else { 0 },
            total: if told(self.differs.total != 0) { net.total } else { 0 },
        }
    }

    fn agrees(&self) -> bool {
        self.differs == Count::default()
    }
}

/// The statements of a bank account in one currency, in their places.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    pub stated: Vec<Stated>,
    pub booked: Vec<Booked>,
    pub placed: Vec<Placed>,
    /// What says the same as another one, and that one.
    pub copies: BTreeMap<usize, usize>,
    /// Which of `booked` name a statement.
    named: Vec<BTreeSet<usize>>,
    /// What names none, by day.
    by_day: BTreeMap<NaiveDate, Count>,
    occurrences: BTreeMap<String, Vec<usize>>,
}

impl Chain {
    pub fn of(mut stated: Vec<Stated>, booked: Vec<Booked>) -> Self {
        let order = |one: &Stated| (one.through, one.entries, one.opening, one.closing);
        stated.sort_by(|left, right| (order(left), &left.id).cmp(&(order(right), &right.id)));
        let mut chain = Self { stated, booked, ..Self::default() };
        chain.name();
        chain.find_copies();
        let mut last = None;
        for at in chain.order() {
            let placed = chain.place(at, last);
            if !placed.inside {
                last = Some(chain.placed.len());
            }
            chain.share_days(&placed);
            chain.placed.push(placed);
        }
        chain
    }

    /// Entries whose statements never came, though a later one did: by the first of their names.
    pub fn missing(&self) -> BTreeMap<&str, (Count, NaiveDate)> {
        let last = self.placed.iter().filter_map(|placed| self.stated.get(placed.at));
        let last = last.map(|one| one.end).max();
        let mut missing: BTreeMap<&str, (Count, NaiveDate)> = BTreeMap::new();
        for booked in &self.booked {
            let Some(name) = booked.names.first().filter(|_| booked.own) else { continue };
            let came = booked.names.iter().any(|name| self.occurrences.contains_key(name));
            if came || last.is_none_or(|last| last <= booked.day) {
                continue;
            }
            let (count, day) = missing.entry(name).or_insert((Count::default(), booked.day));
            (*count, *day) = (count.plus(Count::of(booked)), booked.day.min(*day));
        }
        missing
    }

    /// The days of the entries that mean the statement by its id: after the first day, and up to
    /// the second. The bank may use a number again; an entry means the one that ends next.
    pub fn days_of(&self, at: usize) -> (Option<NaiveDate>, Option<NaiveDate>) {
        let Some(one) = self.stated.get(at) else { return (None, None) };
        let same = self.occurrences.get(&one.id).map(Vec::as_slice).unwrap_or_default();
        let place = same.iter().position(|other| *other == at).unwrap_or(0);
        let before = place.checked_sub(1).and_then(|before| self.stated.get(*same.get(before)?));
        let after = same.len() > place.saturating_add(1);
        (before.map(|before| before.end), after.then_some(one.end))
    }

    /// Finds for each statement the entries that name it.
    fn name(&mut self) {
        for (at, one) in self.stated.iter().enumerate() {
            self.occurrences.entry(one.id.clone()).or_default().push(at);
        }
        self.named = vec![BTreeSet::new(); self.stated.len()];
        for (number, booked) in self.booked.iter().enumerate() {
            let came = booked.names.iter().any(|name| self.occurrences.contains_key(name));
            if !booked.own && !came {
                let day = self.by_day.entry(booked.day).or_default();
                *day = day.plus(Count::of(booked));
            }
            for name in &booked.names {
                let same = self.occurrences.get(name).map(Vec::as_slice).unwrap_or_default();
                let ends =
                    |at: &&usize| self.stated.get(**at).is_some_and(|one| booked.day <= one.end);
                let meant = same.iter().find(ends).or(same.last());
                if let Some(named) = meant.and_then(|at| self.named.get_mut(*at)) {
                    named.insert(number);
                }
            }
        }
    }

    /// Two of one content under two names are one, unless entries name each of them: the last
    /// intraday report may say what the statement of the day says.
    fn find_copies(&mut self) {
        let mut first: BTreeMap<(DateTime<Utc>, i128, i128, i64), usize> = BTreeMap::new();
        for (at, one) in self.stated.iter().enumerate() {
            let same = (one.through, one.opening, one.closing, one.entries);
            match first.get(&same) {
                None => {
                    first.insert(same, at);
                }
                Some(first) if self.is_named(at) && self.is_named(*first) => {}
                Some(first) => {
                    self.copies.insert(at, *first);
                }
            }
        }
    }

    fn is_named(&self, at: usize) -> bool {
        self.named.get(at).is_some_and(|named| !named.is_empty())
    }

    /// The order in which statements are looked at: by their days. Within a day what follows the
    /// one before comes first, then what opens where one of the day opened; the fewest entries
    /// first of one time.
    fn order(&self) -> Vec<usize> {
        let mut days: BTreeMap<NaiveDate, Vec<usize>> = BTreeMap::new();
        for (at, one) in self.stated.iter().enumerate() {
            if !self.copies.contains_key(&at) {
                days.entry(one.end).or_default().push(at);
            }
        }
        let mut order = Vec::with_capacity(self.stated.len());
        let mut closing = None;
        for mut day in days.into_values() {
            let mut opened = BTreeSet::new();
            // They are sorted by time and number of entries already.
            while !day.is_empty() {
                let opens = |at: &usize| self.stated.get(*at).map(|one| one.opening);
                let follows = day.iter().position(|at| opens(at) == closing);
                let covers = || day.iter().position(|at| opened.contains(&opens(at)));
                let first = || self.first_of(&day);
                let next = follows.or_else(covers).unwrap_or_else(first);
                let at = day.remove(next);
                opened.insert(opens(&at));
                closing = self.stated.get(at).map(|one| one.closing);
                order.push(at);
            }
        }
        order
    }

    /// The first of the day: at one time, what does not follow another one of these.
    fn first_of(&self, day: &[usize]) -> usize {
        let of = |at: &usize| self.stated.get(*at);
        let follows = |at: &usize| {
            let before = |other: &Stated| of(at).is_some_and(|one| other.closing == one.opening);
            day.iter().any(|other| other != at && of(other).is_some_and(before))
        };
        let first = day.iter().enumerate();
        let first = first.min_by_key(|(_, at)| (of(at).map(|one| one.through), follows(at)));
        first.map_or(0, |(place, _)| place)
    }

    /// What names one of these, each once.
    fn count_named(&self, members: &[usize]) -> Count {
        let named = members.iter().filter_map(|at| self.named.get(*at)).flatten();
        let each: BTreeSet<usize> = named.copied().collect();
        let counts = each.iter().filter_map(|number| self.booked.get(*number)).map(Count::of);
        counts.fold(Count::default(), Count::plus)
    }

    fn count_days(&self, since: Option<NaiveDate>, until: NaiveDate) -> Count {
        let after = since.and_then(|day| day.succ_opt());
        let days = match after.or(since) {
            Some(first) if first > until => return Count::default(),
            Some(first) => self.by_day.range(first..=until),
            None => self.by_day.range(..=until),
        };
        days.fold(Count::default(), |sum, (_, day)| sum.plus(*day))
    }
}

mod places;
#[cfg(test)]
mod tests;
