//! Who may send what, as the file says it: rules and keys, each checked when it is read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use config::Value;
use serde::Deserialize;

use super::layers::secret_from;
use super::{Config, Secret};
use crate::domain::authority::{Pattern, Rule, Table};
use crate::domain::money::{Currency, Money};
use crate::signature::{Key, Keys, name_of};

/// Topics by the words that the command line has for them.
const TOPICS: [&str; 3] = ["commands", "bank", "usage"];
const NAME_MAX: usize = 40;
/// How a header says who has signed: a comma ends the id.
const SPECIAL: [char; 4] = ['.', '_', ':', '-'];

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityConfig {
    #[serde(default)]
    pub rules: Vec<RuleConfig>,
    #[serde(default)]
    pub keys: Vec<KeyConfig>,
}

/// A line of the table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleConfig {
    name: String,
    source: String,
    types: Vec<String>,
    topic: Option<String>,
    #[serde(default)]
    max_amount: BTreeMap<String, String>,
    #[serde(default)]
    keys: Vec<String>,
}

/// What a sender's signature is verified with.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyConfig {
    id: String,
    algorithm: Algorithm,
    secret: Option<Secret>,
    secret_file: Option<String>,
    public_key: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Algorithm {
    HmacSha256,
    Ed25519,
}

impl RuleConfig {
    /// One line that is the same only for a rule that says the same.
    fn content(&self) -> String {
        let Self { name, source, types, topic, max_amount, keys } = self;
        format!("{name:?} {source:?} {types:?} {topic:?} {max_amount:?} {keys:?}\n")
    }

    fn read(&self) -> Result<Rule, String> {
        let problem = |what: &str| Err(format!("rule `{}`: {what}", self.name));
        if !is_name(&self.name) {
            return problem("a name is 1 to 40 of a-z A-Z 0-9 . _ : -");
        }
        if self.source.is_empty() || self.types.is_empty() || self.types.contains(&String::new()) {
            return problem("it needs a source and types; `*` stands for any");
        }
        if self.topic.as_deref().is_some_and(|topic| !TOPICS.contains(&topic)) {
            return problem("topic is one of commands, bank, usage");
        }
        let mut limits = BTreeMap::new();
        for (code, text) in &self.max_amount {
            let currency = Currency::parse(&code.to_uppercase());
            let limit = currency.and_then(|currency| Money::parse(text, currency));
            match limit {
                Ok(limit) if limit.is_positive() => limits.insert(limit.currency(), limit),
                Ok(_) | Err(_) => return problem("max_amount is like { SGD = \"1000.00\" }"),
            };
        }
        Ok(Rule {
            name: self.name.clone(),
            source: Pattern::new(&self.source),
            types: self.types.iter().map(|kind| Pattern::new(kind)).collect(),
            topic: self.topic.clone(),
            limits,
            keys: self.keys.clone(),
        })
    }
}

impl KeyConfig {
    /// Takes the secret out of its file.
    fn open(&mut self) -> Result<(), String> {
        let Some(path) = self.secret_file.take() else { return Ok(()) };
        if self.secret.is_some() {
            return Err(format!("key `{}`: give `secret` or `secret_file`, not both", self.id));
        }
        let read = secret_from(Path::new(&path));
        self.secret = Some(Secret::new(&read.map_err(|why| format!("key `{}`: {why}", self.id))?));
        Ok(())
    }

    fn read(&self) -> Result<Key, String> {
        let problem = |what: &str| format!("key `{}`: {what}", self.id);
        if !is_name(&self.id) {
            return Err(problem("an id is 1 to 40 of a-z A-Z 0-9 . _ : -"));
        }
        match (self.algorithm, &self.secret, &self.public_key) {
            (Algorithm::HmacSha256, Some(secret), None) => Key::from_secret(secret.reveal())
                .ok_or_else(|| problem("a secret has 32 bytes or more")),
            (Algorithm::HmacSha256, _, _) => {
                Err(problem("hmac-sha256 has a secret or a secret_file, and nothing else"))
            }
            (Algorithm::Ed25519, None, Some(public)) => Key::from_public(public).ok_or_else(|| {
                problem("public_key is the line that `openssl pkey -pubout` writes")
            }),
            (Algorithm::Ed25519, _, _) => {
                Err(problem("ed25519 has a public_key, and nothing else"))
            }
        }
    }
}

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || SPECIAL.contains(&c);
    (1..=NAME_MAX).contains(&text.len()) && text.chars().all(plain)
}

/// What is wrong with a list of rules, if anything.
pub(super) fn fault_of_rules(found: &Value) -> Option<String> {
    let rules: Vec<RuleConfig> = match found.clone().try_deserialize() {
        Ok(rules) => rules,
        Err(error) => return Some(error.to_string()),
    };
    let names: BTreeSet<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
    if rules.is_empty() || names.len() < rules.len() {
        return Some("one rule at least, each with a name of its own".to_owned());
    }
    rules.iter().find_map(|rule| rule.read().err())
}

/// What is wrong with a list of keys, if anything. What it says holds nothing of a secret.
pub(super) fn fault_of_keys(found: &Value) -> Option<String> {
    let mut keys: Vec<KeyConfig> = match found.clone().try_deserialize() {
        Ok(keys) => keys,
        // A value that is not what it should be may be a secret in the wrong place.
        Err(_) => {
            let shape = "each key has id, algorithm (hmac-sha256 or ed25519), and one of secret, \
                         secret_file, public_key";
            return Some(shape.to_owned());
        }
    };
    let ids: BTreeSet<&str> = keys.iter().map(|key| key.id.as_str()).collect();
    if ids.len() < keys.len() {
        return Some("each key with an id of its own".to_owned());
    }
    keys.iter_mut().find_map(|key| key.open().and_then(|()| key.read().map(|_| ())).err())
}

/// A key that a rule names and nobody has, with the rule.
pub(super) fn missing_key(authority: &AuthorityConfig) -> Option<(&str, &str)> {
    let known = |id: &String| authority.keys.iter().any(|key| key.id == *id);
    authority.rules.iter().find_map(|rule| {
        let missing = rule.keys.iter().find(|id| !known(id))?;
        Some((rule.name.as_str(), missing.as_str()))
    })
}

/// Names of a list, for people: rules by their names, keys by their ids.
pub(super) fn names(found: &[Value], key: &str) -> String {
    let name = |entry: &Value| {
        let table = entry.clone().into_table().ok()?;
        table.get(key)?.clone().into_string().ok()
    };
    found.iter().filter_map(name).collect::<Vec<_>>().join(",")
}

impl AuthorityConfig {
    /// Takes secrets out of their files.
    pub(super) fn open(&mut self) -> Result<(), String> {
        self.keys.iter_mut().try_for_each(KeyConfig::open)
    }
}

impl Config {
    /// Who may send what; none: everybody everything. Loading has checked each rule; one that could
    /// not be read would let nothing through.
    pub fn authority_table(&self) -> Option<Table> {
        let rules = &self.authority.rules;
        if rules.is_empty() {
            return None;
        }
        let content: String = rules.iter().map(RuleConfig::content).collect();
        let rules = rules.iter().filter_map(|rule| rule.read().ok()).collect();
        Some(Table { rules, version: name_of(&content), content })
    }

    /// What signatures are verified with.
    pub fn signing_keys(&self) -> Keys {
        let keys = self.authority.keys.iter();
        keys.filter_map(|key| Some((key.id.clone(), key.read().ok()?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Environment, Flags, Loaded, Needs};
    use super::*;
    use std::path::PathBuf;

    const PUBLIC: &str = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
    const GOOD: &str = r#"
        [[authority.rules]]
        name = "billing"
        source = "billing"
        types = ["topup.invoice.*"]
        topic = "commands"
        max_amount = { SGD = "1000.00", eur = "500.00" }
        keys = ["old", "new", "maria"]
        [[authority.keys]]
        id = "old"
        algorithm = "hmac-sha256"
        secret = "an old secret of thirty-two bytes"
        [[authority.keys]]
        id = "new"
        algorithm = "hmac-sha256"
        secret_file = "SECRET_FILE"
        [[authority.keys]]
        id = "maria"
        algorithm = "ed25519"
        public_key = "PUBLIC_KEY"
    "#;

    /// Reads a file with `text`; what it names lies beside it.
    fn read(name: &str, text: &str) -> Result<Loaded, String> {
        let folder = std::env::temp_dir().join(format!("topup-authority-{name}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        let place = |file: &str| -> PathBuf { folder.join(file) };
        std::fs::write(place("secret"), "a new secret of thirty-two bytes!\n").expect("written");
        let secret = place("secret").display().to_string();
        let text = text.replace("SECRET_FILE", &secret).replace("PUBLIC_KEY", PUBLIC);
        std::fs::write(place("topup.toml"), text).expect("written");
        let flags = Flags { file: Some(place("topup.toml")), set: Vec::new() };
        let loaded = Loaded::read(&flags, &Environment::new(), Needs::NOTHING);
        std::fs::remove_dir_all(&folder).expect("removed");
        loaded.map_err(|error| error.to_string())
    }

    #[test]
    fn rules_and_keys_are_read_and_no_secret_is_shown() {
        let loaded = read("good", GOOD).expect("good");
        let table = loaded.config.authority_table().expect("a table");
        let currencies: Vec<&str> =
            table.rules.iter().flat_map(|rule| rule.limits.keys()).map(Currency::code).collect();
        assert_eq!(currencies, ["EUR", "SGD"]);
        let keys: Vec<String> = loaded.config.signing_keys().into_keys().collect();
        assert_eq!(keys, ["maria", "new", "old"]);
        let shown = |key: &str| {
            let row = loaded.shown.iter().find(|row| row.key == key).expect("shown");
            row.value.clone().unwrap_or_default()
        };
        assert_eq!(shown("authority.rules"), "billing");
        assert_eq!(shown("authority.keys"), "old,new,maria");
        let all = format!("{:?} {:?}", loaded.config, loaded.shown);
        assert!(!all.contains("thirty-two"), "{all}");
    }

    #[test]
    fn a_table_has_the_same_name_only_while_it_says_the_same() {
        let version = |text: &str| {
            let table = read("version", text).expect("good").config.authority_table();
            table.expect("a table").version
        };
        assert_eq!(version(GOOD), version(GOOD));
        assert_ne!(version(GOOD), version(&GOOD.replace("1000.00", "1000.01")));
        let none = read("none", "").expect("good").config;
        assert!(none.authority_table().is_none() && none.signing_keys().is_empty());
    }

    #[test]
    fn each_mistake_is_told_and_no_secret_with_it() {
        let cases = [
            ("name = \"billing\"", "name = \"\"", "a name is 1 to 40"),
            ("topic = \"commands\"", "topic = \"other\"", "one of commands, bank, usage"),
            ("[\"topup.invoice.*\"]", "[]", "needs a source and types"),
            ("\"1000.00\"", "\"1000.001\"", "max_amount is like"),
            ("SGD", "XXX", "max_amount is like"),
            ("topic =", "tpoic =", "tpoic"),
            ("\"maria\"]", "\"mary\"]", "key `mary`"),
            ("an old secret of", "old", "a secret has 32 bytes"),
            ("SECRET_FILE", "SECRET_FILE-not-there", "key `new`"),
            ("PUBLIC_KEY", "an old secret of thirty-two bytes", "openssl pkey -pubout"),
            ("\"ed25519\"", "\"rsa\"", "algorithm (hmac-sha256 or ed25519)"),
            ("id = \"new\"", "id = \"old\"", "an id of its own"),
            ("public_key =", "secret =", "ed25519 has a public_key"),
        ];
        for (row, (there, instead, told)) in cases.into_iter().enumerate() {
            assert!(GOOD.contains(there), "{there}");
            let error = read(&format!("bad-{row}"), &GOOD.replacen(there, instead, 1));
            let error = error.expect_err(instead);
            assert!(error.contains(told) && !error.contains("thirty-two"), "{instead}: {error}");
        }
        let keys = GOOD.split("[[authority.keys]]").skip(1).collect::<Vec<_>>();
        let only_keys = format!("[[authority.keys]]{}", keys.join("[[authority.keys]]"));
        let rules = read("only-keys", &only_keys).expect("keys alone do nothing");
        assert!(rules.config.authority_table().is_none());
        assert!(read("empty", "[authority]\nrules = []").is_err(), "a table without rules");
    }
}
