//! `flag-void-candidates`: flags invoices that have long awaited payment, and takes the flag off
//! those for which it does not hold any more. It decides for its tick, not for now, and never
//! voids anything. Nothing is flagged while the bank's feed is behind, or while money that may be
//! meant for the invoice is on its way.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

use super::work::{JobReport, JobSettings, Work};
use crate::domain::ids::own_source;
use crate::domain::void_candidate::Rules;
use crate::pipeline::Pipeline;
use crate::pipeline::in_hand::ByHalves;
use crate::pipeline::own::{self, Own};
use crate::schedule::{self, Calendar};
use crate::store::PgPool;
use crate::store::StoreError;
use crate::store::failing::Kind;
use crate::store::in_hand::{self, JOB};
use crate::store::statements;
use crate::store::void_candidates as candidates;

/// Invoices of a page, and the most that one transaction locks.
const PAGE_INVOICES: i64 = 1_000;
/// Pending bank records that are read at once. What they name is kept as invoices, and not as
/// words: there are no more of these than there are, however many records wait for their booking.
const PENDING_PAGE: i64 = 1_000;

pub(super) async fn run(work: &Work<'_>) -> Result<JobReport, StoreError> {
    let Given { rules, behind, unreadable, whose } =
        match rules(work.pipeline(), work.settings(), work.as_of()).await? {
            Ok(given) => given,
            Err(why) => {
                let summary = format!("nothing flagged: {why}");
                return Ok(JobReport { findings: 1, summary });
            }
        };
    let (mut flags, mut failed) = (Flags { work, rules: &rules, flagged: 0, cleared: 0 }, 0_usize);
    let mut after = work.progress().unwrap_or_default();
    // Whoever ran this before is gone.
    in_hand::bury(work.pool(), Kind::Candidate, JOB, work.now()).await?;
    while !work.must_stop() {
        let end = candidates::page_end(work.pool(), &after, PAGE_INVOICES).await?;
        let wrong = candidates::page(work.pool(), &after, end.as_deref(), &rules).await?;
        let hand = work.pipeline().take_in_hand(Kind::Candidate, JOB, &wrong).await?;
        failed = failed.saturating_add(hand.by_halves(&mut flags).await?);
        let mut tx = work.pool().begin().await?;
        work.step_in_tx(&mut tx, end.as_deref()).await?;
        tx.commit().await?;
        match end {
            Some(end) => after = end,
            None => break,
        }
    }
    let mut summary = format!("{} flagged, {} cleared", flags.flagged, flags.cleared);
    if behind > 0 {
        summary.push_str(&format!(
            "; left as they are: {behind} time zones, the feed of bank account {whose} is behind"
        ));
    }
    if failed > 0 {
        summary.push_str(&format!("; {failed} failed and are left as they are"));
    }
    if unreadable > 0 {
        summary.push_str(&format!("; a later version wrote {unreadable} pending bank records"));
    }
    let findings = behind > 0 || failed > 0 || unreadable > 0;
    Ok(JobReport { findings: u64::from(findings), summary })
}

/// The flags of a run, and what became of them.
struct Flags<'a> {
    work: &'a Work<'a>,
    rules: &'a Rules,
    flagged: usize,
    cleared: usize,
}

impl ByHalves for Flags<'_> {
    async fn act(&mut self, part: &[String]) -> Result<(), StoreError> {
        let (work, as_of) = (self.work, self.rules.as_of);
        let mut tx = work.pool().begin().await?;
        work.step_in_tx(&mut tx, None).await?;
        let named = (own_source::JOBS, &*format!("flag-void-candidates:{}", as_of.timestamp()));
        let flags = Own::Candidates(part, self.rules);
        let done = own::submit(work.pipeline(), &mut tx, named, flags, as_of).await?;
        tx.commit().await?;
        self.flagged = self.flagged.saturating_add(done.changed);
        self.cleared = self.cleared.saturating_add(done.cleared);
        Ok(())
    }
}

/// The day that it is in each zone in which the bank's feed is not more than a business day behind.
async fn days(
    pool: &PgPool,
    settings: &JobSettings,
    through: DateTime<Utc>,
    as_of: DateTime<Utc>,
) -> Result<(BTreeMap<String, NaiveDate>, usize), StoreError> {
    let mut calendars = vec![(String::new(), settings.calendar.clone())];
    let mut behind = 0_usize;
    for name in candidates::zones(pool).await? {
        // A zone that this version does not know is not one in which anything may be flagged.
        match schedule::zone(&name) {
            Ok(zone) => {
                let holidays = settings.calendar.holidays.clone();
                calendars.push((name, Calendar { zone, holidays }));
            }
            Err(_) => behind = behind.saturating_add(1),
        }
    }
    let all = calendars.len();
    calendars.retain(|(_, calendar)| through >= calendar.one_business_day_before(as_of));
    let day = |(name, calendar): (String, Calendar)| (name, calendar.day_of(as_of));
    behind = behind.saturating_add(all.saturating_sub(calendars.len()));
    Ok((calendars.into_iter().map(day).collect(), behind))
}

/// What a run decides by, and what it could not read.
#[derive(Debug)]
pub struct Given {
    pub rules: Rules,
    /// Zones in which the bank's feed is behind: flags stay there as they are.
    behind: usize,
    /// Pending bank records that a later version wrote: only their texts were read.
    unreadable: u64,
    /// The bank account whose feed is behind first: whoever runs this asks its bank.
    whose: String,
}

/// What a run decides by; or why nothing may be flagged.
pub async fn rules(
    pipeline: &Pipeline,
    settings: &JobSettings,
    as_of: DateTime<Utc>,
) -> Result<Result<Given, String>, StoreError> {
    let (pool, ours) = (pipeline.pool(), pipeline.settings());
    if let Some(why) = candidates::feed_open(pool, &ours.group, &ours.topics.bank_payments).await? {
        return Ok(Err(why));
    }
    let Some(feed) = candidates::feed(pool, ours.clock_skew).await? else {
        return Ok(Err("no bank account has ever sent a statement".to_owned()));
    };
    let whose = feed.bank_account;
    let Some(through) = feed.through else {
        return Ok(Err(if feed.in_future {
            let code = statements::IN_FUTURE;
            format!("the statements of bank account {whose} speak of the future ({code})")
        } else {
            format!("bank account {whose} has never sent a statement")
        }));
    };
    let (days, behind) = days(pool, settings, through, as_of).await?;
    if days.is_empty() {
        let through = through.to_rfc3339_opts(SecondsFormat::Secs, true);
        let why = format!("the feed of bank account {whose} is known only up to {through}");
        return Ok(Err(why));
    }
    let (mut pending, mut unreadable) = (BTreeSet::new(), 0_u64);
    let mut after = (String::new(), String::new());
    loop {
        let page = candidates::pending(pool, &after, PENDING_PAGE).await?;
        let Some(last) = page.records.last() else { break };
        after = (last.0.clone(), last.1.clone());
        unreadable = unreadable.saturating_add(page.unreadable);
        let transactions: Vec<_> = page.records.into_iter().map(|(_, _, bank)| bank).collect();
        pending.extend(candidates::named_by(pool, &transactions).await?);
    }
    let rules = Rules {
        as_of,
        days,
        stale_after_days: settings.stale_after_days,
        pending,
        feed_complete_through: through,
    };
    Ok(Ok(Given { rules, behind, unreadable, whose }))
}
