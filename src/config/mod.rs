//! Settings: defaults < file < short forms of the environment < `TOPUP__SECTION__KEY` < flags.
//!
//! Each value keeps the layer it came from; unknown keys are refused in every layer; secrets are
//! never printed, not by `Debug` either. Nothing here connects to anything.

mod authority;
mod keys;
mod layers;
mod page;
mod show;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use serde::Deserialize;

use crate::domain::matching::policy::Choice;
use crate::domain::matching::{Policy, weak};
use crate::domain::money::{Currency, Money};
use crate::domain::payment_qr::{EuroPayee, PayNowPayee, PaymentQr};
use crate::domain::threshold::Levels;

pub use authority::{AuthorityConfig, KeyConfig, RuleConfig};
pub use layers::{ConfigError, Environment, Flags, Loaded, Needs, Problem};
pub use page::settings_table;
pub use show::{Shown, mask_url};

/// Text that is never printed.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text itself, for the one place that connects with it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub database: DatabaseConfig,
    pub kafka: KafkaConfig,
    pub worker: WorkerConfig,
    pub matching: MatchingConfig,
    #[serde(default)]
    pub balances: BalancesConfig,
    #[serde(default)]
    pub payment_qr: PaymentQrConfig,
    pub usage: UsageConfig,
    pub jobs: JobsConfig,
    pub metrics: MetricsConfig,
    pub logging: LoggingConfig,
    #[serde(default)]
    pub authority: AuthorityConfig,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// Empty only where [`Needs`] does not ask for a database.
    #[serde(default)]
    pub url: Secret,
    pub pool_size: u32,
    pub statement_timeout_ms: u64,
    pub lock_timeout_ms: u64,
    pub idle_in_transaction_timeout_ms: u64,
    /// The role that each connection takes on; none keeps the role of the URL.
    pub role: Option<String>,
    pub pooler: Pooler,
    /// Batches that are persisted at the same time.
    pub writers: usize,
}

/// What stands between us and PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooler {
    None,
    /// It hands out a connection until the client closes it.
    Session,
    /// It hands out a connection for one transaction.
    Transaction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupProtocol {
    Classic,
    Consumer,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaConfig {
    /// Empty only where [`Needs`] does not ask for Kafka.
    #[serde(default)]
    pub brokers: String,
    pub group_id: String,
    /// Host name and process id where nothing is set.
    #[serde(default)]
    pub client_id: String,
    pub topic_prefix: String,
    pub group_protocol: GroupProtocol,
    pub session_timeout_ms: u64,
    pub max_poll_interval_ms: u64,
    /// How often each log is compared with what was read, and a held partition is tried again.
    pub log_check_ms: u64,
    pub security_protocol: String,
    pub sasl_mechanism: Option<String>,
    pub sasl_username: Option<String>,
    pub sasl_password: Option<Secret>,
    pub sasl_token_location: Option<String>,
    pub ssl_ca_location: Option<String>,
    pub ssl_certificate_location: Option<String>,
    pub ssl_key_location: Option<String>,
    pub ssl_key_password: Option<Secret>,
    pub ssl_endpoint_identification: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerConfig {
    pub batch_records: usize,
    pub batch_linger_ms: u64,
    /// Records that a partition's lane holds before its partition is paused.
    pub lane_records: usize,
    /// How long a command waits for what it names.
    pub waiting_deadline_seconds: u64,
    /// How many days a remittance advice waits for its payment.
    pub advice_days: u16,
    pub sweep_interval_ms: u64,
    pub shutdown_seconds: u64,
    /// By how much clocks may differ: ours and the database's, ours and a feed's.
    pub clock_skew_seconds: u64,
    /// `source` of the events that we publish.
    pub event_source: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchingConfig {
    /// A word of its policy, as the next three.
    pub partial: String,
    pub fee: String,
    pub equal_amount: String,
    pub residual: String,
    #[serde(default)]
    pub max_auto_amounts: BTreeMap<String, String>,
    #[serde(default)]
    pub max_return_fees: BTreeMap<String, String>,
    #[serde(default)]
    pub own_accounts: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BalancesConfig {
    /// Levels at which balances are told of, for accounts that have none of their own.
    #[serde(default)]
    pub levels: BTreeMap<String, String>,
}

/// Our own accounts, for the QR codes of invoices.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentQrConfig {
    pub eur_name: Option<String>,
    pub eur_iban: Option<String>,
    pub eur_bic: Option<String>,
    pub sgd_name: Option<String>,
    pub sgd_uen: Option<String>,
}

/// What proves that money is unspent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Proof {
    /// The usage feed.
    Watermark,
    /// There is no feed, and what is known is taken as proof.
    None,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageConfig {
    /// A live hold that is older than this expires.
    pub hold_max_age_seconds: u64,
    pub proof: Proof,
    /// How long a command waits for that proof before it is refused.
    pub proof_deadline_seconds: u64,
}

/// When jobs run by themselves, and how long is kept what guards no money.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobsConfig {
    pub time_zone: String,
    pub audit: String,
    pub expire_waiting: String,
    pub prune: String,
    pub flag_void_candidates: String,
    pub reconcile: String,
    pub rematch: String,
    /// For accounts that say nothing else.
    pub stale_after_days: u16,
    /// Days that are no business days, beside Saturdays and Sundays.
    #[serde(default)]
    pub holidays: Vec<String>,
    /// A run that gives no sign of life for so long is taken over.
    pub lease_seconds: u64,
    pub keep_events_days: i64,
    pub keep_records_days: i64,
    pub keep_runs_days: i64,
    /// 0: for ever.
    pub keep_texts_days: i64,
    pub keep_usage_days: i64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    /// Address and port, or `off`.
    pub listen: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// JSON unless standard error is a terminal.
    Auto,
    Json,
    Pretty,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoggingConfig {
    pub format: LogFormat,
    pub level: String,
}

/// The names of the five topics (contract §1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    pub commands: String,
    pub bank_payments: String,
    pub usage: String,
    pub events: String,
    pub dead_letters: String,
}

impl Topics {
    pub fn with_prefix(prefix: &str) -> Self {
        let name = |rest: &str| format!("{prefix}.{rest}.v1");
        Self {
            commands: name("invoice-commands"),
            bank_payments: name("bank-payments"),
            usage: name("usage"),
            events: name("events"),
            dead_letters: name("dead-letters"),
        }
    }

    pub fn all(&self) -> [&str; 5] {
        [&self.commands, &self.bank_payments, &self.usage, &self.events, &self.dead_letters]
    }
}

/// Parts of the worker that run; all of them unless `--only` says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Only {
    pub commands: bool,
    pub bank: bool,
    pub usage: bool,
    pub relay: bool,
    pub jobs: bool,
}

impl Only {
    pub const ALL: Self = Self { commands: true, bank: true, usage: true, relay: true, jobs: true };
}

impl KafkaConfig {
    pub fn topics(&self) -> Topics {
        Topics::with_prefix(&self.topic_prefix)
    }

    /// Whether what is said to the brokers is encrypted.
    pub fn has_tls(&self) -> bool {
        self.security_protocol.ends_with("ssl")
    }

    pub fn has_login(&self) -> bool {
        self.security_protocol.starts_with("sasl")
    }

    /// The security settings under their librdkafka names. Every client has them from here.
    pub fn security(&self) -> BTreeMap<String, String> {
        let secret = |secret: &'_ Option<Secret>| secret.as_ref().map(|s| s.reveal().to_owned());
        let endpoint = Some(self.ssl_endpoint_identification.clone());
        let mut settings = vec![("security.protocol", Some(self.security_protocol.clone()))];
        if self.has_tls() {
            settings.extend([
                ("ssl.ca.location", self.ssl_ca_location.clone()),
                ("ssl.certificate.location", self.ssl_certificate_location.clone()),
                ("ssl.key.location", self.ssl_key_location.clone()),
                ("ssl.key.password", secret(&self.ssl_key_password)),
                ("ssl.endpoint.identification.algorithm", endpoint),
            ]);
        }
        if self.has_login() {
            settings.extend([
                ("sasl.mechanism", self.sasl_mechanism.clone()),
                ("sasl.username", self.sasl_username.clone()),
                ("sasl.password", secret(&self.sasl_password)),
                ("sasl.oauthbearer.config", self.sasl_token_location.clone()),
            ]);
        }
        let set = settings.into_iter().filter_map(|(key, value)| {
            Some((key.to_owned(), value.filter(|value| !value.is_empty())?))
        });
        set.collect()
    }
}

impl Config {
    pub fn topics(&self) -> Topics {
        self.kafka.topics()
    }

    /// Where metrics and health are served, if anywhere. Loading has checked the value.
    pub fn listen(&self) -> Option<SocketAddr> {
        listen_of(&self.metrics.listen).flatten()
    }

    /// Whom invoices are to be paid to: a currency of which name and number are set.
    pub fn payment_qr(&self) -> PaymentQr {
        let set = &self.payment_qr;
        let text = |value: &Option<String>| value.clone().filter(|text| !text.trim().is_empty());
        let number = |value: &Option<String>| text(value).map(|text| compact(&text));
        let euro = text(&set.eur_name).zip(number(&set.eur_iban));
        let paynow = text(&set.sgd_name).zip(number(&set.sgd_uen));
        PaymentQr {
            euro: euro.map(|(name, iban)| EuroPayee { name, iban, bic: number(&set.eur_bic) }),
            paynow: paynow.map(|(name, uen)| PayNowPayee { name, uen }),
        }
    }

    /// Everybody's levels of balances.
    pub fn balance_levels(&self) -> Levels {
        let of = |(code, text): (&String, &String)| {
            let currency = Currency::parse(code).ok()?;
            Some((currency, levels_of(text, currency)?))
        };
        Levels::new(self.balances.levels.iter().filter_map(of))
    }

    /// The rules' configurable part. Loading has checked each value, so nothing is dropped here.
    pub fn policy(&self) -> Policy {
        let limits = &self.matching.max_auto_amounts;
        let fees = &self.matching.max_return_fees;
        let own = &self.matching.own_accounts;
        Policy {
            partial: Choice::from_word(&self.matching.partial).unwrap_or_default(),
            fee: Choice::from_word(&self.matching.fee).unwrap_or_default(),
            max_auto_amounts: limits.iter().filter_map(|(c, a)| limit(c, a)).collect(),
            max_return_fees: fees.iter().filter_map(|(c, a)| limit(c, a)).collect(),
            own_accounts: own.iter().filter_map(|own| weak::payer_account(own)).collect(),
            equal_amount: Choice::from_word(&self.matching.equal_amount).unwrap_or_default(),
            residual: Choice::from_word(&self.matching.residual).unwrap_or_default(),
        }
    }
}

/// Where to listen; an inner none is `off`.
fn listen_of(text: &str) -> Option<Option<SocketAddr>> {
    if text == "off" { Some(None) } else { text.parse().ok().map(Some) }
}

/// Letters and digits of a number that may be written in groups; empty if it holds anything else.
fn compact(text: &str) -> String {
    let number = text.replace([' ', '-'], "").to_ascii_uppercase();
    if number.bytes().all(|byte| byte.is_ascii_alphanumeric()) { number } else { String::new() }
}

/// The amounts of a text, by spaces or commas; none if one is no amount of the currency, or if
/// there are none or too many.
fn levels_of(text: &str, currency: Currency) -> Option<Vec<Money>> {
    let parts = text.split([' ', ',']).filter(|part| !part.is_empty());
    let levels: Vec<Money> =
        parts.map(|part| Money::parse(part, currency).ok()).collect::<Option<_>>()?;
    (1..=10).contains(&levels.len()).then_some(levels)
}

fn limit(currency: &str, amount: &str) -> Option<Money> {
    Money::parse(amount, Currency::parse(currency).ok()?).ok()
}

#[cfg(test)]
mod tests;
