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
    /// Address and port to listen at, or `off`.
    Listen,
    /// Who may send what.
    Rules,
    /// Keys that senders sign with.
    Keys,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub name: &'static str,
    pub kind: Kind,
    default: Default,
    /// What it is for, in the words of `docs/SETTINGS.md`.
    pub meaning: &'static str,
}

#[derive(Debug, Clone, Copy)]
enum Default {
    None,
    Text(&'static str),
    Number(i64),
}

impl Key {
    const fn new(name: &'static str, kind: Kind, default: Default) -> Self {
        Self { name, kind, default, meaning: "" }
    }

    const fn means(mut self, meaning: &'static str) -> Self {
        self.meaning = meaning;
        self
    }

    pub(super) fn default(&self) -> Option<ValueKind> {
        match self.default {
            Default::None => None,
            Default::Text(text) => Some(ValueKind::from(text)),
            Default::Number(number) => Some(ValueKind::from(number)),
        }
    }

    pub(super) fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret | Kind::Url | Kind::Keys)
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
            Kind::Rules => "tables `[[authority.rules]]` of the file".to_owned(),
            Kind::Keys => "tables `[[authority.keys]]` of the file".to_owned(),
            Kind::Listen => "address and port such as 127.0.0.1:9464, or off".to_owned(),
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

const POOLERS: &[&str] = &["none", "session", "transaction"];
const PROTOCOLS: &[&str] = &["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"];
const MECHANISMS: &[&str] = &["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"];
const IDENTIFICATION: &[&str] = &["https", "none"];
const LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace"];

pub(super) const AMOUNTS: &str = "matching.max_auto_amounts";
pub(super) const RETURN_FEES: &str = "matching.max_return_fees";
pub(super) const BALANCE_LEVELS: &str = "balances.levels";
/// Tables from currency to something.
pub(super) const PER_CURRENCY: [&str; 3] = [AMOUNTS, RETURN_FEES, BALANCE_LEVELS];
pub(super) const OWN_ACCOUNTS: &str = "matching.own_accounts";
pub(super) const HOLIDAYS: &str = "jobs.holidays";
pub(super) const RULES: &str = "authority.rules";
pub(super) const SIGNING_KEYS: &str = "authority.keys";

pub(super) const KEYS: [Key; 71] = [
    Key::new("database.url", Kind::Url, Default::None)
        .means("where PostgreSQL is; a user and a password may stand in it"),
    number("database.pool_size", 1, 1_000, 8).means("connections of one process"),
    number("database.statement_timeout_ms", 100, DAY_MS, 30_000)
        .means("the server ends a statement that runs longer"),
    number("database.lock_timeout_ms", 10, DAY_MS, 5_000)
        .means("the server ends a statement that waits longer for a lock"),
    number("database.idle_in_transaction_timeout_ms", 100, DAY_MS, 35_000).means(
        "the server ends a transaction that stands idle longer: a process that hangs cannot hold \
             its locks. Keep it above Kafka's delivery time (30 s)",
    ),
    Key::new("database.role", Kind::Text, Default::Text("topup_worker"))
        .means("the role that each connection takes on"),
    word("database.pooler", POOLERS, "none").means(
        "what stands between us and PostgreSQL, such as PgBouncer: see \
             [Pooler](OPERATIONS.md#pooler)",
    ),
    number("database.writers", 1, 64, 4).means("batches persisted at the same time"),
    text("kafka.brokers").means("brokers to start from: `host:port,host:port`"),
    Key::new("kafka.group_id", Kind::Text, Default::Text("topup"))
        .means("consumer group; also part of the checkpoint's key"),
    text("kafka.client_id").means("names this worker in checkpoints and at the broker"),
    Key::new("kafka.topic_prefix", Kind::Prefix, Default::Text("topup"))
        .means("first part of the topics' names"),
    word("kafka.group_protocol", &["classic", "consumer"], "classic")
        .means("the protocol of the group; `consumer` needs Kafka 4.0"),
    number("kafka.session_timeout_ms", 1_000, 3_600_000, 45_000)
        .means("a worker that is silent for so long loses its partitions; classic protocol only"),
    number("kafka.max_poll_interval_ms", 1_000, DAY_MS, 300_000)
        .means("a worker that does not poll for so long loses its partitions"),
    number("kafka.log_check_ms", 100, 3_600_000, 30_000).means(
        "how often a log is compared with what was read, and a held partition is tried again",
    ),
    word("kafka.security_protocol", PROTOCOLS, "plaintext")
        .means("TLS and a login: see [Encryption](OPERATIONS.md#encryption)"),
    Key::new("kafka.sasl_mechanism", Kind::OneOf(MECHANISMS), Default::None)
        .means("the way to log in, for the two protocols with `sasl`"),
    text("kafka.sasl_username").means("the user for it"),
    Key::new("kafka.sasl_password", Kind::Secret, Default::None)
        .means("the password for it; never shown"),
    text("kafka.sasl_token_location").means(
        "for OAUTHBEARER, instead of user and password: the file with the token (JWT), which is \
             read again before the token expires",
    ),
    text("kafka.ssl_ca_location").means(
        "the file with the only authorities that are trusted (PEM); not set: those of the system",
    ),
    text("kafka.ssl_certificate_location").means("the file with our own certificate (PEM)"),
    text("kafka.ssl_key_location").means("the file with its key (PEM)"),
    Key::new("kafka.ssl_key_password", Kind::Secret, Default::None)
        .means("the password of the key; never shown"),
    word("kafka.ssl_endpoint_identification", IDENTIFICATION, "https")
        .means("whether the certificate has to be for the broker's name; `none` is for tests"),
    number("worker.batch_records", 1, 10_000, 1_000).means("most records of one transaction"),
    number("worker.batch_linger_ms", 0, 10_000, 20)
        .means("how long a batch waits for more; an idle one goes at once"),
    number("worker.lane_records", 1, 1_000_000, 8_000)
        .means("records a partition may queue before it is paused"),
    number("worker.waiting_deadline_seconds", 1, 30 * DAY_S, 600)
        .means("how long a command waits for what it names"),
    number("worker.advice_days", 1, 3_650, 90)
        .means("days that a remittance advice waits for its payment"),
    number("worker.sweep_interval_ms", 10, DAY_MS, 1_000)
        .means("how often waiting commands are looked at"),
    number("worker.shutdown_seconds", 1, DAY_S, 20)
        .means("how long the intake may take to stop; the whole worker takes at most 8 s more"),
    number("worker.clock_skew_seconds", 1, DAY_S, 30)
        .means("by how much clocks may differ: ours and the database's, ours and a feed's"),
    Key::new("worker.event_source", Kind::Text, Default::Text("topup"))
        .means("`source` of the events"),
    word("matching.partial", &["suggest", "apply"], "suggest")
        .means("partial payments: `apply` provisions them, `suggest` asks a person"),
    word("matching.fee", &["suggest", "apply"], "suggest")
        .means("the same where no more is missing than charges that the bank declares"),
    word("matching.equal_amount", &["oldest", "suggest"], "oldest")
        .means("of several invoices with this amount: `oldest` takes one, `suggest` asks a person"),
    word("matching.residual", &["match", "hold"], "match")
        .means("the rest of an overpayment: `match` tries it again, `hold` does not"),
    Key::new(AMOUNTS, Kind::Amounts, Default::None)
        .means("per currency: a person confirms what is above it"),
    Key::new(RETURN_FEES, Kind::Amounts, Default::None).means(
        "per currency: the largest fee of a bank that is believed inside a return; `\"0\"`: none. \
             Not set: no more than the payment itself",
    ),
    Key::new(OWN_ACCOUNTS, Kind::List, Default::None)
        .means("your own account numbers; money from them is a transfer"),
    Key::new(BALANCE_LEVELS, Kind::Levels, Default::None).means(
        "per currency, separated by spaces: `\"5.00 20.00\"`. A balance that crosses one makes an \
             [event](CONTRACTS.md#topupbalancethresholdv1)",
    ),
    Key::new("payment_qr.eur_name", Kind::Name { max: 70, ascii: false }, Default::None).means(
        "whom invoices in EUR are paid to; with the IBAN, `invoice.sent` has the text of a QR \
             code",
    ),
    Key::new("payment_qr.eur_iban", Kind::Iban, Default::None).means("the account for them"),
    Key::new("payment_qr.eur_bic", Kind::Bic, Default::None)
        .means("its bank, if payers' apps want it"),
    Key::new("payment_qr.sgd_name", Kind::Name { max: 25, ascii: true }, Default::None)
        .means("whom invoices in SGD are paid to by PayNow; at most 25 ASCII characters"),
    Key::new("payment_qr.sgd_uen", Kind::Uen, Default::None).means(
        "the company's UEN, with the bank's three characters where it adds them. An invalid IBAN, \
             BIC or UEN stops the start. `topup doctor` names the setting that a currency still \
             lacks",
    ),
    number("usage.hold_max_age_seconds", 1, 3_650 * DAY_S, DAY_S)
        .means("a live hold that is older expires, with an event"),
    word("usage.proof", &["watermark", "none"], "watermark").means(
        "what proves that money is unspent before a payment is taken off an invoice: the \
             watermarks of the usage feed; `none`: there is no usage feed, and what is known \
             counts",
    ),
    number("usage.proof_deadline_seconds", 1, 30 * DAY_S, 3_600)
        .means("how long a de-allocation or removal waits for that proof before it is refused"),
    Key::new("jobs.time_zone", Kind::Zone, Default::Text("UTC")).means(
        "the schedules' time zone, an IANA name; that of customers who say nothing else \
             (`time_zone` of `account.upsert`), and that tables show times in",
    ),
    schedule("jobs.audit", "0 30 3 * * *").means("the schedule of that [job](OPERATIONS.md#jobs)"),
    schedule("jobs.expire_waiting", "0 * * * * *").means("the same"),
    schedule("jobs.prune", "0 0 4 * * *").means("the same"),
    schedule("jobs.flag_void_candidates", "0 0 5 * * *").means("the same"),
    schedule("jobs.reconcile", "0 30 4 * * *").means("the same"),
    schedule("jobs.rematch", "0 15 * * * *").means("the same"),
    number("jobs.stale_after_days", 1, 3_650, 30)
        .means("days after which an unpaid invoice is stale, for accounts that say nothing else"),
    Key::new(HOLIDAYS, Kind::Days, Default::None)
        .means("days that are no business days, beside Saturdays and Sundays, in all zones"),
    number("jobs.lease_seconds", 3, DAY_S, 60)
        .means("a run that gives no sign of life for so long is taken over"),
    number("jobs.keep_events_days", 1, 36_500, 90).means(
        "how long published events stay in the outbox; then they go by whole \
             [ranges](OPERATIONS.md#retention)",
    ),
    number("jobs.keep_records_days", 30, 36_500, 400)
        .means("how long outcomes are kept; longer than anything is ever sent again"),
    number("jobs.keep_runs_days", 1, 36_500, 90).means("how long runs of jobs are kept"),
    number("jobs.keep_texts_days", 0, 36_500, 0).means(
        "how long names, account numbers and [texts](OPERATIONS.md#personal-data) of settled \
             payments are kept; 0: for ever, else 190 days at the least",
    ),
    number("jobs.keep_usage_days", 190, 36_500, 36_500).means(
        "how long [charges](OPERATIONS.md#retention) are kept, by whole months, and can be \
             refunded; by default for a hundred years",
    ),
    Key::new("metrics.listen", Kind::Listen, Default::Text("127.0.0.1:9464")).means(
        "where [metrics and health](OPERATIONS.md#what-to-watch) are served; `off`: nowhere. Where \
             the port is taken already, the worker says so and goes on without",
    ),
    word("logging.format", &["auto", "json", "pretty"], "auto")
        .means("`auto` is `json`, or `pretty` on a terminal"),
    word("logging.level", LEVELS, "info")
        .means("`RUST_LOG` overrides it; [SIGHUP](OPERATIONS.md#run-and-scale) reads it again"),
    Key::new(RULES, Kind::Rules, Default::None).means(
        "who may send what: see [Authority](OPERATIONS.md#authority). Not set: everybody may send \
             everything",
    ),
    Key::new(SIGNING_KEYS, Kind::Keys, Default::None)
        .means("the [keys](OPERATIONS.md#authority) that senders sign with; secrets are not shown"),
];

pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The known key that is spelled most like `name`, if one is close.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let distance = |key: &Key| (strsim::levenshtein(name, key.name), key.name);
    let (edits, nearest) = KEYS.iter().map(distance).min()?;
    (edits <= 3).then_some(nearest)
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
