//! When an invoice that awaits payment is a void candidate: it is old, and nothing speaks for it.
//! The statement `candidates_page` only selects invoices whose flag may have to change: a superset.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, NaiveDate, Utc};

use super::event::Fact;
use super::ids::{AccountId, InvoiceId};
use super::invoice::CandidateEnd;
use super::money::Money;

/// What decides, beside what is stored of the invoice.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The instant that is decided for.
    pub as_of: DateTime<Utc>,
    /// The day that it is then in each zone in which something may be flagged; the empty name is
    /// for accounts that say nothing else. In all other zones the bank's feed is behind.
    pub days: BTreeMap<String, NaiveDate>,
    /// For accounts that say nothing else.
    pub stale_after_days: u16,
    /// Invoices that pending bank records name, among those that await payment.
    pub pending: BTreeSet<String>,
    /// Up to when the bank's feed is known: evidence.
    pub feed_complete_through: DateTime<Utc>,
}

/// What is stored of an invoice that awaits payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub invoice_id: InvoiceId,
    pub account_id: AccountId,
    pub due: Money,
    /// Part of it is paid.
    pub part_paid: bool,
    pub due_date: Option<NaiveDate>,
    /// Somebody wants it kept until that day.
    pub keep_until: Option<NaiveDate>,
    /// From when its age counts.
    pub stale_since: DateTime<Utc>,
    /// The account's own, if it has any.
    pub stale_after_days: Option<u16>,
    pub time_zone: Option<String>,
    /// A payment that is held names it, is suggested for it, or could pay it in full.
    pub wanted: bool,
    /// The instant for which it was flagged.
    pub candidate_since: Option<DateTime<Utc>>,
}

/// What is to become of a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Flag,
    Clear,
}

impl Facts {
    /// The days after which it is stale.
    pub fn days(&self, rules: &Rules) -> u16 {
        self.stale_after_days.unwrap_or(rules.stale_after_days)
    }

    /// Whether nothing speaks for it; none where the bank's feed is behind: nothing is known.
    pub fn is_stale(&self, rules: &Rules) -> Option<bool> {
        let today = rules.days.get(self.time_zone.as_deref().unwrap_or_default())?;
        // An instant that no calendar has never comes.
        let stale_at = self.stale_since.checked_add_days(Days::new(self.days(rules).into()));
        Some(
            !self.part_paid
                && !self.wanted
                && stale_at.is_some_and(|at| at <= rules.as_of)
                && self.due_date.is_none_or(|due| due < *today)
                && self.keep_until.is_none_or(|until| until <= *today)
                && !rules.pending.contains(self.invoice_id.as_str()),
        )
    }

    /// How its flag is not what it should be, if it is not.
    pub fn change(&self, rules: &Rules) -> Option<Change> {
        match (self.is_stale(rules)?, self.candidate_since.is_some()) {
            (true, false) => Some(Change::Flag),
            (false, true) => Some(Change::Clear),
            (true, true) | (false, false) => None,
        }
    }

    /// What the change is told as.
    pub fn told(&self, change: Change, rules: &Rules) -> Fact {
        let (invoice_id, account_id) = (self.invoice_id.clone(), self.account_id.clone());
        match change {
            Change::Flag => Fact::VoidCandidateFlagged {
                invoice_id,
                account_id,
                amount_due: self.due,
                due_date: self.due_date,
                stale_since: self.stale_since,
                stale_after_days: self.days(rules),
            },
            Change::Clear => Fact::VoidCandidateCleared {
                invoice_id,
                account_id,
                reason: CandidateEnd::NotStale.word(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    fn rules() -> Rules {
        let days = [("", "2026-06-30"), ("Pacific/Kiritimati", "2026-07-01")];
        Rules {
            as_of: at("2026-06-30T12:00:00Z"),
            days: days.map(|(zone, today)| (zone.to_owned(), day(today))).into(),
            stale_after_days: 30,
            pending: BTreeSet::from(["AWAITED".to_owned()]),
            feed_complete_through: at("2026-06-30T00:00:00Z"),
        }
    }

    /// One that is stale to the second.
    fn stale() -> Facts {
        Facts {
            invoice_id: InvoiceId::trusted("I"),
            account_id: AccountId::trusted("A"),
            due: Money::zero(Currency::parse("SGD").expect("a currency")),
            part_paid: false,
            due_date: None,
            keep_until: None,
            stale_since: at("2026-05-31T12:00:00Z"),
            stale_after_days: None,
            time_zone: None,
            wanted: false,
            candidate_since: None,
        }
    }

    #[test]
    fn an_invoice_is_stale_when_nothing_speaks_for_it() {
        type Row = (&'static str, fn(&mut Facts), Option<bool>);
        fn east(facts: &mut Facts) {
            facts.time_zone = Some("Pacific/Kiritimati".to_owned());
            facts.due_date = Some(day("2026-06-30"));
        }
        let table: [Row; 15] = [
            ("old enough", |_| {}, Some(true)),
            ("a second too young", |f| f.stale_since = at("2026-05-31T12:00:01Z"), Some(false)),
            ("slower by its account", |f| f.stale_after_days = Some(31), Some(false)),
            ("faster by its account", |f| f.stale_after_days = Some(1), Some(true)),
            ("no calendar has the day", |f| f.stale_since = DateTime::<Utc>::MAX_UTC, Some(false)),
            ("part of it is paid", |f| f.part_paid = true, Some(false)),
            ("money may be meant for it", |f| f.wanted = true, Some(false)),
            ("a pending record", |f| f.invoice_id = InvoiceId::trusted("AWAITED"), Some(false)),
            ("due yesterday", |f| f.due_date = Some(day("2026-06-29")), Some(true)),
            ("due today", |f| f.due_date = Some(day("2026-06-30")), Some(false)),
            ("kept until today", |f| f.keep_until = Some(day("2026-06-30")), Some(true)),
            ("kept until tomorrow", |f| f.keep_until = Some(day("2026-07-01")), Some(false)),
            ("its flag says nothing", |f| f.candidate_since = Some(f.stale_since), Some(true)),
            ("a zone that is behind", |f| f.time_zone = Some("Asia/Tokyo".to_owned()), None),
            ("tomorrow in its zone", east, Some(true)),
        ];
        for (name, change, expected) in table {
            let mut facts = stale();
            change(&mut facts);
            assert_eq!(facts.is_stale(&rules()), expected, "{name}");
        }
    }

    #[test]
    fn a_flag_changes_when_it_is_not_what_it_should_be() {
        let flag = |mut facts: Facts| {
            facts.candidate_since = Some(facts.stale_since);
            facts
        };
        let wanted = Facts { wanted: true, ..stale() };
        let behind = Facts { time_zone: Some("Asia/Tokyo".to_owned()), ..wanted.clone() };
        for (facts, expected) in [
            (stale(), Some(Change::Flag)),
            (flag(stale()), None),
            (wanted.clone(), None),
            (flag(wanted), Some(Change::Clear)),
            (behind.clone(), None),
            (flag(behind), None),
        ] {
            assert_eq!(facts.change(&rules()), expected, "{facts:?}");
        }
    }

    #[test]
    fn what_is_told_has_the_days_that_counted() {
        let slow = Facts { stale_after_days: Some(90), ..stale() };
        for (facts, days) in [(stale(), 30), (slow, 90)] {
            let Fact::VoidCandidateFlagged { stale_after_days, .. } =
                facts.told(Change::Flag, &rules())
            else {
                panic!("a flag is told as one");
            };
            assert_eq!(stale_after_days, days);
        }
        let cleared = stale().told(Change::Clear, &rules());
        assert!(matches!(cleared, Fact::VoidCandidateCleared { reason: "not_stale", .. }));
    }
}
