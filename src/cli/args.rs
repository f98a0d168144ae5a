//! Arguments that several commands share.

use std::ffi::OsString;
use std::fmt;

use chrono::{DateTime, Days, Duration, NaiveDate, NaiveTime, SecondsFormat, TimeZone, Utc};
use chrono_tz::Tz;
use clap::Args;
use clap::error::{ContextKind, ContextValue};

use super::error::{CliError, Result};
use super::totals;
use crate::clock::Clock;
use crate::config::Topics;
use crate::domain::allocation::Rule;
use crate::domain::money::Currency;
use crate::domain::payment::ParkReason;
use crate::store::views::{Page, readings};

/// Rows of a page for which nobody said how many.
const PAGE_ROWS: i64 = 50;

#[derive(Debug, Clone, Args)]
pub struct PageArgs {
    /// Rows of one page; without it CSV and NDJSON have all rows, everything else 50
    #[arg(long, value_parser = clap::value_parser!(i64).range(1..=1000))]
    pub limit: Option<i64>,
    /// The cursor that the page before ended with
    #[arg(long, value_name = "CURSOR")]
    pub after: Option<String>,
}

impl PageArgs {
    pub fn page(&self) -> Page {
        Page { after: self.after.clone(), limit: self.limit.unwrap_or(PAGE_ROWS) }
    }
}

/// Who acts, where it is done at once. Whatever changes something asks for it and keeps it.
#[derive(Debug, Clone, Args)]
pub(super) struct Operator {
    /// Who does it, for the audit
    #[arg(long, env = OPERATOR, value_parser = operator)]
    pub operator: String,
}

const OPERATOR: &str = "TOPUP_OPERATOR";
/// The longest name that is kept of who did something.
const OPERATOR_CHARACTERS_MAX: usize = 200;
const NOBODY: &str = "say who does it: --operator NAME or TOPUP_OPERATOR, at most 200 characters";

/// The name of who acts, as it is kept.
fn operator(text: &str) -> Result<String, String> {
    let name = text.trim();
    let fits = !name.is_empty() && name.chars().count() <= OPERATOR_CHARACTERS_MAX;
    if fits { Ok(name.to_owned()) } else { Err(NOBODY.to_owned()) }
}

/// Whether it is done.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Doing {
    /// Do it
    #[arg(long)]
    yes: bool,
}

impl Doing {
    /// Whether the command only says what it would do: so every command that changes something,
    /// and is no more than that, begins.
    pub(super) fn dry_run(self) -> bool {
        !self.yes
    }
}

/// Who acts, where a dry run comes first, which needs no name.
#[derive(Debug, Clone, Args)]
pub(super) struct Acting {
    /// Who does it, for the audit; needed with --yes
    #[arg(long, env = OPERATOR)]
    operator: Option<String>,
    #[command(flatten)]
    doing: Doing,
}

impl Acting {
    pub(super) fn dry_run(&self) -> bool {
        self.doing.dry_run()
    }

    pub(super) fn checked(&self) -> Result<String> {
        match self.operator.as_deref().map(operator) {
            Some(Ok(name)) => Ok(name),
            None if self.dry_run() => Ok("nobody".to_owned()),
            Some(Err(_)) | None => Err(CliError::Usage(NOBODY.to_owned())),
        }
    }
}

/// Why something is done, where it may be left out.
#[derive(Debug, Clone, Args)]
pub(super) struct Reason {
    /// Why; it is kept for ever
    #[arg(long)]
    pub reason: Option<String>,
}

/// Why something is done.
#[derive(Debug, Clone, Args)]
pub(super) struct Because {
    /// Why; it is kept for ever
    #[arg(long)]
    pub reason: String,
}

/// The reason where there is one; a blank is none.
pub(super) fn why(text: Option<&str>, needed: bool) -> Result<Option<&str>> {
    let reason = text.map(str::trim).filter(|reason| !reason.is_empty());
    if reason.is_none() && needed {
        return Err(CliError::Usage("say why: --reason TEXT".to_owned()));
    }
    Ok(reason)
}

/// A point in time: an instant, a day, or how long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    At(DateTime<Utc>),
    Ago(Duration),
}

impl Since {
    pub(super) fn instant(self, clock: Clock) -> DateTime<Utc> {
        match self {
            Self::At(instant) => instant,
            Self::Ago(ago) => clock.now().checked_sub_signed(ago).unwrap_or_default(),
        }
    }

    /// The day of it; one that was written as a day is that day in every zone.
    pub(super) fn day(self, clock: Clock, zone: &str) -> NaiveDate {
        if let Self::At(at) = self
            && at.time() == NaiveTime::MIN
        {
            return at.date_naive();
        }
        self.instant(clock).with_timezone(&zone_of(zone)).date_naive()
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(at) if at.time() == NaiveTime::MIN => write!(f, "{}", at.date_naive()),
            Self::At(at) => f.write_str(&at.to_rfc3339_opts(SecondsFormat::Secs, true)),
            Self::Ago(ago) => {
                let seconds = ago.num_seconds();
                let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm')];
                let whole = units.into_iter().find(|(unit, _)| seconds.rem_euclid(*unit) == 0);
                let (unit, word) = whole.unwrap_or((1, 's'));
                write!(f, "{}{word}", seconds.div_euclid(unit))
            }
        }
    }
}

/// Reads `2026-11-22T10:00:00Z`, `2026-11-22`, `90s`, `15m`, `2h`, `7d`.
pub(super) fn since(text: &str) -> Result<Since, String> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Ok(Since::At(instant.with_timezone(&Utc)));
    }
    if let Ok(day) = text.parse::<NaiveDate>() {
        let midnight = day.and_hms_opt(0, 0, 0);
        return midnight.map(|midnight| Since::At(midnight.and_utc())).ok_or_else(expected);
    }
    let unit = text.chars().last().ok_or_else(expected)?;
    let number =
        text.strip_suffix(unit).and_then(|number| number.parse::<u32>().ok()).map(i64::from);
    let ago = match (unit, number) {
        ('s', Some(number)) => Duration::try_seconds(number),
        ('m', Some(number)) => Duration::try_minutes(number),
        ('h', Some(number)) => Duration::try_hours(number),
        ('d', Some(number)) => Duration::try_days(number),
        _ => None,
    };
    ago.map(Since::Ago).ok_or_else(expected)
}

fn expected() -> String {
    "expected an instant (2026-11-22T10:00:00Z), a day (2026-11-22) or how long ago (15m, 2h, 7d)"
        .to_owned()
}

/// `--as-of` of reports about the past: the end of a day, or an instant. What was recorded by then,
/// whenever it was received.
#[derive(Debug, Clone, Copy)]
pub(super) enum AsOf {
    EndOf(NaiveDate),
    At(Since),
}

/// Reads `2026-11-30`, and what [`since`] reads.
pub(super) fn as_of(text: &str) -> Result<AsOf, String> {
    match text.parse::<NaiveDate>() {
        Ok(day) => Ok(AsOf::EndOf(day)),
        Err(_) => since(text).map(AsOf::At),
    }
}

impl AsOf {
    /// The instant in a zone; the end of today is now.
    pub(super) fn instant(self, zone: &str) -> Result<DateTime<Utc>> {
        let now = Clock::System.now();
        let zone = zone_of(zone);
        let wanted = match self {
            Self::At(since) => since.instant(Clock::System),
            Self::EndOf(day) if day == now.with_timezone(&zone).date_naive() => now,
            Self::EndOf(day) => {
                let next = day.checked_add_days(Days::new(1)).unwrap_or(day);
                // Where midnight is skipped, the day ends an hour into it.
                let hours = (0..=3).filter_map(|hour| NaiveTime::from_hms_opt(hour, 0, 0));
                let mut starts = hours
                    .filter_map(|hour| zone.from_local_datetime(&next.and_time(hour)).earliest());
                // Posted before that midnight; the database keeps microseconds.
                let end = starts.next().map_or(now, |start| start.to_utc());
                end.checked_sub_signed(Duration::microseconds(1)).unwrap_or(end)
            }
        };
        not_after_now(wanted)
    }
}

/// Of what is to come nothing is known.
pub(super) fn not_after_now(as_of: DateTime<Utc>) -> Result<DateTime<Utc>> {
    if as_of <= Clock::System.now() {
        return Ok(as_of);
    }
    let why = "--as-of is after now: nothing is known of it yet";
    Err(CliError::Usage(why.to_owned()))
}

/// The zone of that name; UTC where it is none.
pub(super) fn zone_of(name: &str) -> Tz {
    name.parse().unwrap_or(Tz::UTC)
}

/// Reads an amount as people write it: `1000`, `1,000.00`, `1.000,50`; in micros.
pub(super) fn amount(text: &str) -> Result<i64, String> {
    match readings::amounts(text).as_slice() {
        [micros] => Ok(*micros),
        [] => Err("expected an amount above zero, such as 1000 or 1,000.00".to_owned()),
        _ => Err("this may be two amounts: write all decimals, such as 1000.00".to_owned()),
    }
}

/// An amount in micros, as it is typed: `1000.50`.
pub(super) fn amount_words(micros: i64) -> String {
    totals::shown(i128::from(micros), if micros % 1_000_000 == 0 { 0 } else { 2 })
}

/// Options that have two names.
const TWINS: [(&str, &str); 2] = [("--status", "--state"), ("--state", "--status")];

/// The name by which an option was given that has two.
pub(super) fn typed(option: &'static str) -> &'static str {
    typed_in(option, &std::env::args_os().collect::<Vec<_>>())
}

fn typed_in(option: &'static str, words: &[OsString]) -> &'static str {
    let twin = TWINS.into_iter().find(|(name, _)| *name == option);
    let Some((_, other)) = twin else { return option };
    let given =
        |word: &OsString| word.to_str().and_then(|word| word.split('=').next()) == Some(other);
    if words.iter().any(given) { other } else { option }
}

/// The error names an option as it was typed.
pub(super) fn as_typed(mut error: clap::Error, words: &[OsString]) -> clap::Error {
    if let Some(ContextValue::String(named)) = error.get(ContextKind::InvalidArg) {
        let twin = TWINS.into_iter().find(|(name, _)| named.starts_with(&format!("{name} ")));
        if let Some((name, _)) = twin {
            let typed = typed_in(name, words);
            let value = typed.trim_start_matches('-').to_uppercase();
            let named = ContextValue::String(format!("{typed} <{value}>"));
            error.insert(ContextKind::InvalidArg, named);
        }
    }
    error
}

/// Reads the number of a dead letter.
pub(super) fn letter(text: &str) -> Result<i64, String> {
    let expected = "expected the number of a dead letter, such as 17: `topup dead-letters list` \
                    has it";
    text.parse().map_err(|_| expected.to_owned())
}

/// Reads a day.
pub(super) fn day(text: &str) -> Result<NaiveDate, String> {
    let expected = || "expected a day as YYYY-MM-DD, such as 2026-12-31".to_owned();
    text.parse().map_err(|_| expected())
}

/// Reads the code of a currency.
pub(super) fn currency(text: &str) -> Result<String, String> {
    let code = text.to_ascii_uppercase();
    let known = Currency::parse(&code);
    known.map(|_| code).map_err(|_| "expected a currency of ISO 4217, such as SGD".to_owned())
}

/// Reads `SGD=100.00`.
pub(super) fn money(text: &str) -> Result<(String, String), String> {
    let (code, amount) = text.split_once('=').ok_or("expected CURRENCY=AMOUNT")?;
    Ok((currency(code)?, amount.to_owned()))
}

/// The name of a topic; the short ones stand for those that the settings name.
pub(super) fn topic(text: &str, topics: &Topics) -> String {
    match text {
        "commands" => topics.commands.clone(),
        "bank" => topics.bank_payments.clone(),
        "usage" => topics.usage.clone(),
        other => other.to_owned(),
    }
}

/// The topics that are read.
pub(super) fn topics_read(topics: Topics) -> [String; 3] {
    [topics.commands, topics.bank_payments, topics.usage]
}

/// One of some words, in any case; the word as it is stored.
pub(super) fn one_of<'a>(words: &[&'a str], text: &str) -> Result<&'a str, String> {
    let found = words.iter().find(|word| word.eq_ignore_ascii_case(text.trim()));
    found.copied().ok_or_else(|| {
        let wanted = text.to_lowercase();
        let distance = |word: &str| strsim::osa_distance(&wanted, &word.to_lowercase());
        let near = words.iter().copied().filter(|word| distance(word) <= 2);
        match near.min_by_key(|word| distance(word)) {
            Some(near) => format!("a similar value exists: '{near}'"),
            None => format!("expected one of {}", words.join(", ")),
        }
    })
}

/// Reads the name of a rule, such as `R4b`, in any case.
pub(super) fn rule(text: &str) -> Result<String, String> {
    one_of(&Rule::ALL.map(Rule::word), text).map(str::to_owned)
}

/// Reads why a payment is parked, in any case.
pub(super) fn reason(text: &str) -> Result<String, String> {
    one_of(&ParkReason::ALL.map(ParkReason::code), text).map(str::to_owned)
}

/// Reads `section.key=value`.
pub(super) fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) =
        text.split_once('=').ok_or_else(|| "expected section.key=value".to_owned())?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_and_a_currency_say_what_they_want() {
        assert!(day("2026-12-31").is_ok());
        for bad in ["31.12.2026", "2026-13-01", "", "tomorrow"] {
            assert!(day(bad).is_err_and(|why| why.contains("YYYY-MM-DD")), "{bad}");
        }
        assert_eq!(rule("r4B").as_deref(), Ok("R4b"));
        assert!(rule("banana").is_err_and(|why| why.contains("R4b")));
        assert_eq!(reason("Amount_Only").as_deref(), Ok("amount_only"));
        assert_eq!(currency("sgd").as_deref(), Ok("SGD"));
        for amount in ["1000", "1000.50", "0.01"] {
            assert_eq!(super::amount(amount).map(amount_words).as_deref(), Ok(amount));
        }
        assert_eq!(money("sgd=1.50"), Ok(("SGD".to_owned(), "1.50".to_owned())));
        for bad in ["1.50", "=1.50", "SG=1.50"] {
            assert!(money(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_has_three_forms() {
        let day = NaiveDate::from_ymd_opt(2026, 11, 22)
            .and_then(|day| day.and_hms_opt(0, 0, 0))
            .expect("day")
            .and_utc();
        assert_eq!(since("2026-11-22"), Ok(Since::At(day)));
        assert_eq!(since("2026-11-22T00:00:00Z"), Ok(Since::At(day)));
        assert_eq!(since("2h"), Ok(Since::Ago(Duration::hours(2))));
        for told in ["2026-11-22", "2026-11-22T10:00:00Z", "90s", "15m", "2h", "7d"] {
            assert_eq!(since(told).map(|since| since.to_string()).as_deref(), Ok(told));
        }
        for bad in ["", "h", "-2h", "2w", "yesterday", "2026-13-01", "é"] {
            assert!(since(bad).is_err(), "{bad}");
        }
        assert_eq!(
            Since::Ago(Duration::hours(2)).instant(Clock::Fixed(day)),
            day - Duration::hours(2)
        );
    }
}
