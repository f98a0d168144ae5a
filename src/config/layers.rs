//! Reads the layers, checks every value, and says of each problem: which key, what is expected,
//! from where the value came. All problems are reported at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::{File, FileFormat, Map, Source, Value, ValueKind};
use thiserror::Error;

use super::authority::{AuthorityConfig, fault_of_keys, fault_of_rules, missing_key};
use super::keys::{
    HOLIDAYS, KEYS, Key, Kind, OWN_ACCOUNTS, PER_CURRENCY, RULES, SIGNING_KEYS, find, nearest,
};
use super::show::{Shown, origin_of};
use super::{Config, Secret, compact, levels_of, listen_of};
use crate::domain::matching::weak;
use crate::domain::money::{Currency, Money};
use crate::domain::payment_qr::check;
use crate::schedule::{self, ScheduleError};

/// What `*_FILE` may stand for.
const FROM_FILES: [&str; 3] = ["database.url", "kafka.sasl_password", "kafka.ssl_key_password"];
/// The usual short forms.
const SHORT_FORMS: [(&str, &str); 2] =
    [("DATABASE_URL", "database.url"), ("KAFKA_BROKERS", "kafka.brokers")];
const PREFIX: &str = "TOPUP__";
/// A secret's file is one line; more than this is the wrong file.
const SECRET_BYTES_MAX: u64 = 16_384;

/// The process environment, as data so that tests can give their own.
pub type Environment = BTreeMap<String, String>;

/// What the command line says about settings.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--config`, else `TOPUP_CONFIG`.
    pub file: Option<PathBuf>,
    /// `--set section.key=value`, and flags that stand for a key.
    pub set: Vec<(String, String)>,
}

/// What a command cannot do without.
#[derive(Debug, Clone, Copy, Default)]
pub struct Needs {
    pub database: bool,
    pub kafka: bool,
}

impl Needs {
    pub const NOTHING: Self = Self { database: false, kafka: false };
    pub const DATABASE: Self = Self { database: true, kafka: false };
    pub const KAFKA: Self = Self { database: false, kafka: true };
    pub const ALL: Self = Self { database: true, kafka: true };
}

/// One thing that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    #[error("unknown key `{key}` (from {origin}){}", hint.map(|h| format!("; did you mean `{h}`?"))
        .unwrap_or_default())]
    Unknown { key: String, origin: String, hint: Option<&'static str> },
    #[error("`{key}` is {found} (from {origin}); expected {expected}")]
    Value { key: String, found: String, expected: String, origin: String },
    #[error("`{key}` is not set; give {how}")]
    Missing { key: &'static str, how: &'static str },
    #[error("`{key}`: {problem} (from {origin})")]
    Unreadable { key: String, problem: String, origin: String },
}

#[derive(Debug, Error)]
pub enum ConfigError {
    #[error("the settings cannot be used:{}", list(.0))]
    Invalid(Vec<Problem>),
    #[error("the configuration file cannot be read: {0}")]
    File(String),
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n  - {problem}")).collect()
}

/// Settings and where each came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub config: Config,
    pub shown: Vec<Shown>,
}

impl Loaded {
    /// Reads all layers.
    ///
    /// # Errors
    /// [`ConfigError`] names everything that is wrong.
    pub fn read(
        flags: &Flags,
        environment: &Environment,
        needs: Needs,
    ) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let file = flags.file.clone().or_else(|| config_file(environment));
        let layers = [
            defaults(),
            file.as_deref().map_or(Ok(Map::new()), from_file)?,
            short_forms(environment),
            from_environment(environment, &mut problems),
            from_flags(&flags.set),
        ];
        let values = merge(layers, &mut problems);
        for (key, value) in &values {
            check(key, value, &mut problems);
        }
        check_needs(&values, needs, &mut problems);
        check_together(&values, &mut problems);
        check_login(&values, &mut problems);
        check_authority(&values, &mut problems);
        if !problems.is_empty() {
            return Err(ConfigError::Invalid(problems));
        }
        let shown = Shown::all(&values);
        let mut config = typed(values)?;
        complete(&mut config, environment);
        config.authority.open().map_err(ConfigError::File)?;
        Ok(Self { config, shown })
    }
}

fn config_file(environment: &Environment) -> Option<PathBuf> {
    let path = environment.get("TOPUP_CONFIG")?;
    (!path.is_empty()).then(|| PathBuf::from(path))
}

type Layer = Map<String, Value>;

fn value(origin: String, kind: impl Into<ValueKind>) -> Value {
    Value::new(Some(&origin), kind)
}

fn defaults() -> Layer {
    let with_default =
        |key: &Key| Some((key.name.to_owned(), value("default".to_owned(), key.default()?)));
    KEYS.iter().filter_map(with_default).collect()
}

fn from_file(path: &Path) -> Result<Layer, ConfigError> {
    let file = File::from(path).format(FileFormat::Toml).required(true);
    let unread = |error| ConfigError::File(format!("{}: {error}", path.display()));
    let tables = file.collect().map_err(unread)?;
    let mut layer = Layer::new();
    let origin = format!("file {}", path.display());
    for (name, found) in tables {
        flatten(&name, found, &origin, &mut layer);
    }
    Ok(layer)
}

/// Tables become dotted keys; lists stay as they are.
fn flatten(name: &str, found: Value, origin: &str, layer: &mut Layer) {
    match found.kind {
        ValueKind::Table(table) => {
            for (rest, found) in table {
                flatten(&format!("{name}.{rest}"), found, origin, layer);
            }
        }
        kind => {
            layer.insert(canonical(name), value(origin.to_owned(), kind));
        }
    }
}

/// Keys are lower case, currencies upper case, however they were written.
fn canonical(name: &str) -> String {
    let lower = name.to_lowercase();
    for table in PER_CURRENCY {
        if let Some(currency) = lower.strip_prefix(table).and_then(|rest| rest.strip_prefix('.')) {
            return format!("{table}.{}", currency.to_uppercase());
        }
    }
    lower
}

fn short_forms(environment: &Environment) -> Layer {
    let set = SHORT_FORMS.iter().filter_map(|(variable, key)| {
        let found = environment.get(*variable).filter(|found| !found.is_empty())?;
        let origin = format!("environment {variable}");
        Some(((*key).to_owned(), value(origin, found.as_str())))
    });
    set.collect()
}

fn from_environment(environment: &Environment, problems: &mut Vec<Problem>) -> Layer {
    let mut layer = Layer::new();
    for (variable, found) in environment {
        let Some(rest) = variable.strip_prefix(PREFIX) else {
            continue;
        };
        let origin = format!("environment {variable}");
        let key = canonical(&rest.replace("__", "."));
        let from = FROM_FILES.iter().find(|name| key == format!("{name}_file").as_str());
        let Some(name) = from.map(|name| (*name).to_owned()) else {
            layer.insert(key.clone(), value(origin, text_value(&key, found)));
            continue;
        };
        let direct = format!("{PREFIX}{}", name.to_uppercase().replace('.', "__"));
        let read = if environment.contains_key(&direct) {
            Err(format!("`{direct}` and `{variable}` are both set"))
        } else {
            secret_from(Path::new(found))
        };
        match read {
            Ok(secret) => {
                let origin = format!("file named by {variable}");
                layer.insert(name, value(origin, secret));
            }
            Err(problem) => problems.push(Problem::Unreadable { key: name, problem, origin }),
        }
    }
    layer
}

fn from_flags(set: &[(String, String)]) -> Layer {
    let layer = set.iter().map(|(key, found)| {
        let key = canonical(key);
        let found = text_value(&key, found);
        (key, value("flag".to_owned(), found))
    });
    layer.collect()
}

/// A value that came as text: lists are separated by commas.
fn text_value(key: &str, found: &str) -> ValueKind {
    if key != OWN_ACCOUNTS && key != HOLIDAYS {
        return ValueKind::from(found);
    }
    let parts = found.split(',').map(str::trim).filter(|part| !part.is_empty());
    ValueKind::from(parts.map(str::to_owned).collect::<Vec<String>>())
}

pub(super) fn secret_from(path: &Path) -> Result<String, String> {
    let length = std::fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if length.len() > SECRET_BYTES_MAX {
        return Err(format!("{}: more than {SECRET_BYTES_MAX} bytes", path.display()));
    }
    let read = std::fs::read_to_string(path);
    let text = read.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

/// Later layers win, key by key; unknown keys are reported with the layer that has them.
fn merge(layers: [Layer; 5], problems: &mut Vec<Problem>) -> BTreeMap<String, Value> {
    let mut merged = BTreeMap::new();
    for layer in layers {
        for (key, found) in layer {
            let known = find(&key).is_some_and(|key| !PER_CURRENCY.contains(&key.name))
                || currency_of(&key).is_some();
            if known {
                merged.insert(key, found);
            } else {
                let hint = nearest(&key);
                let origin = origin_of(&found);
                problems.push(Problem::Unknown { key, origin, hint });
            }
        }
    }
    merged
}

/// The table and the currency of a key that is one of a table by currency.
fn currency_of(key: &str) -> Option<(&'static str, &str)> {
    let of = |table: &&'static str| {
        let currency = key.strip_prefix(table)?.strip_prefix('.')?;
        (!currency.contains('.')).then_some((*table, currency))
    };
    PER_CURRENCY.iter().find_map(of)
}

fn check(name: &str, found: &Value, problems: &mut Vec<Problem>) {
    let of_table = || currency_of(name).and_then(|(table, _)| find(table));
    let Some(key) = find(name).or_else(of_table).filter(|key| !is_valid(key, name, found)) else {
        return;
    };
    let shown =
        if key.is_secret() { "a value that is not shown".to_owned() } else { found_text(found) };
    problems.push(Problem::Value {
        key: name.to_owned(),
        found: shown,
        expected: fault(key, found).unwrap_or_else(|| key.expected()),
        origin: origin_of(found),
    });
}

/// What more there is to say of a value than what one looks like.
fn fault(key: &Key, found: &Value) -> Option<String> {
    if matches!(key.kind, Kind::Rules) {
        return fault_of_rules(found);
    }
    if matches!(key.kind, Kind::Keys) {
        return fault_of_keys(found);
    }
    let (Kind::Schedule, ValueKind::String(text)) = (key.kind, &found.kind) else { return None };
    match schedule::fault(text)? {
        ScheduleError::Weekday(_) => Some(
            "a weekday by its name (Sun, Mon, Tue, Wed, Thu, Fri, Sat): as a number, 1 is \
             Sunday here and Monday elsewhere"
                .to_owned(),
        ),
        ScheduleError::Never(_) => Some("a day that some calendar has".to_owned()),
        ScheduleError::Schedule(_) | ScheduleError::Zone(_) => None,
    }
}

fn found_text(found: &Value) -> String {
    match &found.kind {
        ValueKind::Array(_) => "a list".to_owned(),
        ValueKind::Table(_) => "a table".to_owned(),
        ValueKind::Nil => "nothing".to_owned(),
        _ => match found.clone().into_string() {
            Ok(text) => format!("{text:?}"),
            Err(_) => "of another kind".to_owned(),
        },
    }
}

fn is_valid(key: &Key, name: &str, found: &Value) -> bool {
    let string = match &found.kind {
        ValueKind::String(text) => Some(text.as_str()),
        _ => None,
    };
    let in_currency = |is: &dyn Fn(&str, Currency) -> bool| {
        let currency = currency_of(name).and_then(|(_, code)| Currency::parse(code).ok());
        string.zip(currency).is_some_and(|(text, currency)| is(text, currency))
    };
    match key.kind {
        Kind::Text | Kind::Secret => string.is_some(),
        Kind::Url => string.is_some_and(|url| {
            url.is_empty() || url.starts_with("postgres://") || url.starts_with("postgresql://")
        }),
        Kind::Number { min, max } => {
            let number = match &found.kind {
                ValueKind::I64(number) => Some(*number),
                ValueKind::String(text) => text.trim().parse().ok(),
                _ => None,
            };
            number.is_some_and(|number| (min..=max).contains(&number))
        }
        Kind::OneOf(words) => string.is_some_and(|text| words.contains(&text)),
        Kind::List => is_list(found, |account| weak::payer_account(account).is_some()),
        Kind::Days => is_list(found, |day| schedule::day(day).is_some()),
        Kind::Listen => string.is_some_and(|text| listen_of(text).is_some()),
        Kind::Amounts => {
            in_currency(&|text, code| Money::parse(text, code).is_ok_and(Money::is_positive))
        }
        Kind::Levels => in_currency(&|text, code| levels_of(text, code).is_some()),
        Kind::Iban => string.is_some_and(|text| check::iban(&compact(text)).is_some()),
        Kind::Bic => string.is_some_and(|text| check::bic(&compact(text)).is_some()),
        Kind::Uen => string.is_some_and(|text| check::uen(&compact(text)).is_some()),
        Kind::Name { max, ascii } => string.is_some_and(|text| {
            let printable = |c: char| !c.is_control() && (c.is_ascii() || !ascii);
            !text.trim().is_empty() && text.chars().count() <= max && text.chars().all(printable)
        }),
        Kind::Prefix => string.is_some_and(is_prefix),
        Kind::Schedule => string.is_some_and(|text| schedule::fault(text).is_none()),
        Kind::Rules => fault_of_rules(found).is_none(),
        Kind::Keys => fault_of_keys(found).is_none(),
        Kind::Zone => string.is_some_and(|name| schedule::zone(name).is_ok()),
    }
}

/// A list of texts, each of which is what it has to be.
fn is_list(found: &Value, is: impl Fn(&str) -> bool) -> bool {
    let ValueKind::Array(values) = &found.kind else { return false };
    values.iter().all(|value| matches!(&value.kind, ValueKind::String(text) if is(text)))
}

fn is_prefix(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=100).contains(&text.len()) && text.bytes().all(allowed)
}

fn check_needs(values: &BTreeMap<String, Value>, needs: Needs, problems: &mut Vec<Problem>) {
    let database = "DATABASE_URL, TOPUP__DATABASE__URL or TOPUP__DATABASE__URL_FILE";
    let kafka = "KAFKA_BROKERS or TOPUP__KAFKA__BROKERS";
    let wanted =
        [(needs.database, "database.url", database), (needs.kafka, "kafka.brokers", kafka)];
    for (needed, key, how) in wanted {
        let set = matches!(values.get(key).map(|found| &found.kind),
            Some(ValueKind::String(text)) if !text.is_empty());
        if needed && !set {
            problems.push(Problem::Missing { key, how });
        }
    }
}

const PROTOCOL: &str = "kafka.security_protocol";
const MECHANISM: &str = "kafka.sasl_mechanism";

/// What a login to Kafka cannot do without, and what nobody uses without it.
fn check_login(values: &BTreeMap<String, Value>, problems: &mut Vec<Problem>) {
    let text = |key: &str| match values.get(key).map(|found| &found.kind) {
        Some(ValueKind::String(text)) if !text.is_empty() => Some(text.as_str()),
        _ => None,
    };
    let protocol = text(PROTOCOL).unwrap_or_default();
    let (by_password, by_token) =
        (["kafka.sasl_username", "kafka.sasl_password"], ["kafka.sasl_token_location"]);
    let mechanism = text(MECHANISM).unwrap_or_default();
    let (asked, other): (&[&'static str], &[&'static str]) = match mechanism {
        "OAUTHBEARER" => (&by_token, &by_password),
        _ => (&by_password, &by_token),
    };
    let login = protocol.starts_with("sasl");
    if login {
        let asked = [MECHANISM].into_iter().chain(asked.iter().copied());
        for key in asked.filter(|key| text(key).is_none()) {
            let how = "it, or a kafka.security_protocol without `sasl`";
            problems.push(Problem::Missing { key, how });
        }
    }
    // A password that is not used is a login that somebody believes in.
    let set = |keys: &[&'static str]| keys.iter().find(|key| text(key).is_some()).copied();
    let all = [MECHANISM, by_password[0], by_password[1], by_token[0]];
    let secure = ["kafka.ssl_ca_location", "kafka.ssl_certificate_location"];
    let unused = [
        (PROTOCOL, set(&all).filter(|_| !login)),
        (PROTOCOL, set(&secure).filter(|_| !protocol.contains("ssl"))),
        (MECHANISM, set(other).filter(|_| login && !mechanism.is_empty())),
    ];
    for (by, key) in unused {
        let Some(key) = key else { continue };
        problems.push(Problem::Value {
            key: by.to_owned(),
            found: format!("{:?}", text(by).unwrap_or_default()),
            expected: format!("one that uses `{key}`, which is set"),
            origin: values.get(by).map(origin_of).unwrap_or_default(),
        });
    }
}

/// Each key that a rule names is one of the keys.
fn check_authority(values: &BTreeMap<String, Value>, problems: &mut Vec<Problem>) {
    fn list<T: serde::de::DeserializeOwned>(found: Option<&Value>) -> Vec<T> {
        let read = found.and_then(|found| found.clone().try_deserialize().ok());
        read.unwrap_or_default()
    }
    let (rules, keys) = (values.get(RULES), values.get(SIGNING_KEYS));
    let authority = AuthorityConfig { rules: list(rules), keys: list(keys) };
    if let Some((rule, missing)) = missing_key(&authority) {
        problems.push(Problem::Value {
            key: RULES.to_owned(),
            found: format!("a list in which rule `{rule}` names key `{missing}`"),
            expected: format!("a key of `{SIGNING_KEYS}`"),
            origin: rules.map(origin_of).unwrap_or_default(),
        });
    }
}

const TEXTS: &str = "jobs.keep_texts_days";
const TEXTS_DAYS_MIN: i64 = 190;

/// Rules that join two keys, or that a range does not say.
fn check_together(values: &BTreeMap<String, Value>, problems: &mut Vec<Problem>) {
    let number = |key: &str| values.get(key).and_then(|v| v.clone().into_int().ok());
    // Until then a bank may take money back by what its text says.
    if let Some(days) = number(TEXTS).filter(|days| (1..TEXTS_DAYS_MIN).contains(days)) {
        problems.push(Problem::Value {
            key: TEXTS.to_owned(),
            found: days.to_string(),
            expected: format!("0, which is for ever, or {TEXTS_DAYS_MIN} and more"),
            origin: values.get(TEXTS).map(origin_of).unwrap_or_default(),
        });
    }
    let pairs = [
        ("worker.lane_records", "worker.batch_records"),
        ("kafka.max_poll_interval_ms", "kafka.session_timeout_ms"),
    ];
    for (large, small) in pairs {
        if let (Some(found), Some(least)) = (number(large), number(small))
            && found < least
        {
            problems.push(Problem::Value {
                key: large.to_owned(),
                found: found.to_string(),
                expected: format!("at least `{small}`, which is {least}"),
                origin: values.get(large).map(origin_of).unwrap_or_default(),
            });
        }
    }
}

fn typed(values: BTreeMap<String, Value>) -> Result<Config, ConfigError> {
    let mut builder = config::Config::builder();
    for (key, found) in values {
        let built = builder.set_override(key, found);
        builder = built.map_err(|error| ConfigError::File(error.to_string()))?;
    }
    let built = builder.build().and_then(config::Config::try_deserialize);
    built.map_err(|error| ConfigError::File(error.to_string()))
}

/// Empty means "not set"; the client id says which process it is.
fn complete(config: &mut Config, environment: &Environment) {
    config.database.role = config.database.role.take().filter(|role| !role.is_empty());
    let kafka = &mut config.kafka;
    for optional in [
        &mut kafka.sasl_username,
        &mut kafka.sasl_token_location,
        &mut kafka.ssl_ca_location,
        &mut kafka.ssl_certificate_location,
        &mut kafka.ssl_key_location,
    ] {
        *optional = optional.take().filter(|text| !text.is_empty());
    }
    for secret in [&mut kafka.sasl_password, &mut kafka.ssl_key_password] {
        *secret = secret.take().filter(|secret: &Secret| !secret.reveal().is_empty());
    }
    if kafka.client_id.is_empty() {
        kafka.client_id = format!("topup-{}-{}", host_name(environment), std::process::id());
    }
}

/// The kernel's name of this host, where there is one to read.
fn host_name(environment: &Environment) -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let named = kernel.or_else(|| environment.get("HOSTNAME").cloned());
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let name: String = named.unwrap_or_default().chars().filter(plain).take(64).collect();
    if name.is_empty() { "host".to_owned() } else { name }
}
