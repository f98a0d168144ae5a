//! The table of settings: name, default, what a value must be. Loading, checking and showing all
//! read this one table, so that none of them can forget a key.

use config::ValueKind;

/// What a value has to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// Text that is never shown.
    Secret,
    /// A connection URL: its password is never shown.
    Url,
    Number {
        min: i64,
        max: i64,
    },
    OneOf(&'static [&'static str]),
    /// A list; one text with commas in the environment.
    List,
    /// A table from currency to amount.
    Amounts,
    /// A table from currency to amounts.
    Levels,
    /// An international bank account number, in groups or not.
    Iban,
    /// The bank's code, 8 or 11 letters and digits.
    Bic,
    /// The number of a company in Singapore.
    Uen,
    /// A name on one line, at most so many characters; ASCII only if it says so.
    Name {
        max: usize,
        ascii: bool,
    },
    /// The first part of topic names.
    Prefix,
    /// A cron expression of six fields, or `off`.
    Schedule,
    /// A time zone of the IANA database.
    Zone,
    /// A list of days.
    Days,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub name: &'static str,
    pub kind: Kind,
    default: Default,
}

#[derive(Debug, Clone, Copy)]
enum Default {
    None,
    Text(&'static str),
    Number(i64),
}

impl Key {
    const fn new(name: &'static str, kind: Kind, default: Default) -> Self {
        Self { name, kind, default }
    }

    pub(super) fn default(&self) -> Option<ValueKind> {
        match self.default {
            Default::None => None,
            Default::Text(text) => Some(ValueKind::from(text)),
            Default::Number(number) => Some(ValueKind::from(number)),
        }
    }

    pub(super) fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret | Kind::Url)
    }

    /// What is expected, for an error message.
    pub(super) fn expected(&self) -> String {
        match self.kind {
            Kind::Text | Kind::Secret => "a text".to_owned(),
            Kind::Url => "a URL such as postgres://user@host:5432/name".to_owned(),
            Kind::Number { min, max } => format!("a whole number from {min} to {max}"),
            Kind::OneOf(words) => format!("one of {}", words.join(", ")),
            Kind::List => "a list of texts (in the environment: separated by commas)".to_owned(),
            Kind::Amounts => "currency = \"amount\", for example SGD = \"1000.00\"".to_owned(),
            Kind::Levels => "currency = \"amounts\", for example SGD = \"5.00 20.00\"".to_owned(),
            Kind::Iban => {
                "an IBAN of the euro payment area with its length and check digits".to_owned()
            }
            Kind::Bic => "a BIC of 8 or 11 characters, the fifth and sixth the country".to_owned(),
            Kind::Uen => {
                "a UEN such as 201403121W, with the bank's three characters or without".to_owned()
            }
            Kind::Name { max, ascii } => {
                let kind = if ascii { "ASCII characters" } else { "characters" };
                format!("a name of 1 to {max} {kind} on one line")
            }
            Kind::Prefix => "1 to 100 characters of A-Z a-z 0-9 . _ -".to_owned(),
            Kind::Schedule => "six fields (second minute hour day month weekday) or off".to_owned(),
            Kind::Zone => "a time zone such as Asia/Singapore".to_owned(),
            Kind::Days => {
                "a list of days like 2026-12-25 (in the environment: separated by commas)"
                    .to_owned()
            }
        }
    }
}

const fn number(name: &'static str, min: i64, max: i64, default: i64) -> Key {
    Key::new(name, Kind::Number { min, max }, Default::Number(default))
}

const fn text(name: &'static str) -> Key {
    Key::new(name, Kind::Text, Default::None)
}

const fn word(name: &'static str, words: &'static [&'static str], default: &'static str) -> Key {
    Key::new(name, Kind::OneOf(words), Default::Text(default))
}

const fn schedule(name: &'static str, default: &'static str) -> Key {
    Key::new(name, Kind::Schedule, Default::Text(default))
}

/// One day in milliseconds and in seconds: no timeout here is meant to be longer.
const DAY_MS: i64 = 86_400_000;
const DAY_S: i64 = 86_400;

const PROTOCOLS: &[&str] = &["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"];
const MECHANISMS: &[&str] = &["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"];
const LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace"];

pub(super) const AMOUNTS: &str = "matching.max_auto_amounts";
pub(super) const RETURN_FEES: &str = "matching.max_return_fees";
pub(super) const BALANCE_LEVELS: &str = "balances.levels";
pub(super) const OWN_ACCOUNTS: &str = "matching.own_accounts";
pub(super) const HOLIDAYS: &str = "jobs.holidays";

pub(super) const KEYS: [Key; 60] = [
    Key::new("database.url", Kind::Url, Default::None),
    number("database.pool_size", 1, 1_000, 8),
    number("database.statement_timeout_ms", 100, DAY_MS, 30_000),
    number("database.lock_timeout_ms", 10, DAY_MS, 5_000),
    number("database.idle_in_transaction_timeout_ms", 100, DAY_MS, 35_000),
    Key::new("database.role", Kind::Text, Default::Text("topup_worker")),
    number("database.writers", 1, 64, 4),
    text("kafka.brokers"),
    Key::new("kafka.group_id", Kind::Text, Default::Text("topup")),
    text("kafka.client_id"),
    Key::new("kafka.topic_prefix", Kind::Prefix, Default::Text("topup")),
    word("kafka.group_protocol", &["classic", "consumer"], "classic"),
    number("kafka.session_timeout_ms", 1_000, 3_600_000, 45_000),
    number("kafka.max_poll_interval_ms", 1_000, DAY_MS, 300_000),
    number("kafka.log_check_ms", 100, 3_600_000, 30_000),
    Key::new("kafka.security_protocol", Kind::OneOf(PROTOCOLS), Default::None),
    Key::new("kafka.sasl_mechanism", Kind::OneOf(MECHANISMS), Default::None),
    text("kafka.sasl_username"),
    Key::new("kafka.sasl_password", Kind::Secret, Default::None),
    text("kafka.ssl_ca_location"),
    number("worker.batch_records", 1, 10_000, 1_000),
    number("worker.batch_linger_ms", 0, 10_000, 20),
    number("worker.lane_records", 1, 1_000_000, 8_000),
    number("worker.waiting_deadline_seconds", 1, 30 * DAY_S, 600),
    number("worker.advice_days", 1, 3_650, 90),
    number("worker.sweep_interval_ms", 10, DAY_MS, 1_000),
    number("worker.shutdown_seconds", 1, DAY_S, 20),
    number("worker.clock_skew_seconds", 1, DAY_S, 30),
    Key::new("worker.event_source", Kind::Text, Default::Text("topup")),
    word("matching.partial", &["suggest", "apply"], "suggest"),
    word("matching.fee", &["suggest", "apply"], "suggest"),
    word("matching.equal_amount", &["oldest", "suggest"], "oldest"),
    word("matching.residual", &["match", "hold"], "match"),
    Key::new(AMOUNTS, Kind::Amounts, Default::None),
    Key::new(RETURN_FEES, Kind::Amounts, Default::None),
    Key::new(OWN_ACCOUNTS, Kind::List, Default::None),
    Key::new(BALANCE_LEVELS, Kind::Levels, Default::None),
    Key::new("payment_qr.eur_name", Kind::Name { max: 70, ascii: false }, Default::None),
    Key::new("payment_qr.eur_iban", Kind::Iban, Default::None),
    Key::new("payment_qr.eur_bic", Kind::Bic, Default::None),
    Key::new("payment_qr.sgd_name", Kind::Name { max: 25, ascii: true }, Default::None),
    Key::new("payment_qr.sgd_uen", Kind::Uen, Default::None),
    number("usage.hold_max_age_seconds", 1, 3_650 * DAY_S, DAY_S),
    word("usage.proof", &["watermark", "none"], "watermark"),
    number("usage.proof_deadline_seconds", 1, 30 * DAY_S, 3_600),
    Key::new("jobs.time_zone", Kind::Zone, Default::Text("UTC")),
    schedule("jobs.audit", "0 30 3 * * *"),
    schedule("jobs.expire_waiting", "0 * * * * *"),
    schedule("jobs.prune", "0 0 4 * * *"),
    schedule("jobs.flag_void_candidates", "0 0 5 * * *"),
    schedule("jobs.reconcile", "0 30 4 * * *"),
    schedule("jobs.rematch", "0 15 * * * *"),
    number("jobs.stale_after_days", 1, 3_650, 30),
    Key::new(HOLIDAYS, Kind::Days, Default::None),
    number("jobs.lease_seconds", 3, DAY_S, 60),
    number("jobs.keep_events_days", 1, 36_500, 90),
    number("jobs.keep_records_days", 30, 36_500, 400),
    number("jobs.keep_runs_days", 1, 36_500, 90),
    word("logging.format", &["auto", "json", "pretty"], "auto"),
    word("logging.level", LEVELS, "info"),
];

pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The known key that is spelled most like `name`, if one is close.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let distance = |key: &Key| (edits(name, key.name), key.name);
    let (edits, nearest) = KEYS.iter().map(distance).min()?;
    (edits <= 3).then_some(nearest)
}

/// Levenshtein distance; both texts are short.
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = i;
        if let Some(first) = row.first_mut() {
            *first = i.saturating_add(1);
        }
        for (j, b) in right.iter().enumerate() {
            let above = row.get(j.saturating_add(1)).copied().unwrap_or(usize::MAX);
            let before = row.get(j).copied().unwrap_or(usize::MAX);
            let replaced = diagonal.saturating_add(usize::from(a != *b));
            let inserted = above.min(before).saturating_add(1);
            diagonal = above;
            if let Some(cell) = row.get_mut(j.saturating_add(1)) {
                *cell = replaced.min(inserted);
            }
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_key_finds_its_neighbour() {
        assert_eq!(nearest("kafka.broker"), Some("kafka.brokers"));
        assert_eq!(nearest("database.poolsize"), Some("database.pool_size"));
        assert_eq!(nearest("nothing.like.it"), None);
    }

    #[test]
    fn each_key_stands_once() {
        let mut names: Vec<_> = KEYS.iter().map(|key| key.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), KEYS.len());
    }
}
