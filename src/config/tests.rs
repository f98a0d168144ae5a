//! Layers, refusals, masks.

use super::*;
use crate::domain::matching::PartialPolicy;

fn environment(pairs: &[(&str, &str)]) -> Environment {
    let pairs = pairs.iter();
    pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn read(flags: &Flags, pairs: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    Loaded::read(flags, &environment(pairs), Needs::NOTHING)
}

fn file(name: &str, text: &str) -> std::path::PathBuf {
    let name = format!("topup-config-{}-{name}", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, text).expect("a temporary file");
    path
}

fn origin<'a>(loaded: &'a Loaded, key: &str) -> &'a Shown {
    loaded.shown.iter().find(|shown| shown.key == key).expect("a known key")
}

#[test]
fn defaults_are_the_documented_ones() {
    let config = read(&Flags::default(), &[]).expect("defaults").config;
    assert_eq!(config.database.pool_size, 8);
    assert_eq!(config.database.role.as_deref(), Some("topup_worker"));
    assert_eq!(config.worker.batch_records, 1_000);
    assert_eq!(config.kafka.group_protocol, GroupProtocol::Classic);
    assert_eq!(config.policy().partial, PartialPolicy::Suggest);
    assert_eq!(config.topics().bank_payments, "topup.bank-payments.v1");
    assert!(config.kafka.client_id.starts_with("topup-"));
    assert!(config.kafka.client_id.ends_with(&std::process::id().to_string()));
}

#[test]
fn later_layers_win_and_are_named() {
    let path = file(
        "layers.toml",
        "[database]\nurl = 'postgres://file'\npool_size = 3\n[kafka]\nbrokers = 'file:1'\n\
         group_id = 'file'\n[worker]\nbatch_records = 7",
    );
    let flags = Flags {
        file: Some(path.clone()),
        set: vec![("worker.batch_records".to_owned(), "9".to_owned())],
    };
    let pairs = [
        ("DATABASE_URL", "postgres://short"),
        ("KAFKA_BROKERS", "short:1"),
        ("TOPUP__KAFKA__BROKERS", "long:1"),
        ("TOPUP__WORKER__BATCH_RECORDS", "8"),
        ("UNRELATED", "x"),
    ];
    let loaded = read(&flags, &pairs).expect("reads");
    std::fs::remove_file(path).expect("removes");
    let config = &loaded.config;
    assert_eq!(config.database.url.reveal(), "postgres://short");
    assert_eq!(config.kafka.brokers, "long:1");
    assert_eq!(config.kafka.group_id, "file");
    assert_eq!(config.worker.batch_records, 9);
    assert_eq!(origin(&loaded, "database.url").origin, "environment DATABASE_URL");
    assert_eq!(origin(&loaded, "kafka.brokers").origin, "environment TOPUP__KAFKA__BROKERS");
    assert_eq!(origin(&loaded, "worker.batch_records").origin, "flag");
    assert!(origin(&loaded, "database.pool_size").origin.starts_with("file "));
    assert_eq!(origin(&loaded, "worker.lane_records").origin, "default");
}

#[test]
fn every_problem_is_told_with_key_and_origin() {
    let pairs = [
        ("TOPUP__DATABASE__POLL_SIZE", "8"),
        ("TOPUP__WORKER__BATCH_RECORDS", "many"),
        ("TOPUP__MATCHING__PARTIAL", "maybe"),
        ("TOPUP__MATCHING__MAX_AUTO_AMOUNTS__JPY", "10.5"),
        ("TOPUP__MATCHING__MAX_RETURN_FEES__JPY", "0.5"),
        ("TOPUP__BALANCES__LEVELS__JPY", "10 5.5"),
        ("TOPUP__PAYMENT_QR__EUR_IBAN", "DE89370400440532013001"),
        ("TOPUP__PAYMENT_QR__EUR_BIC", "COBA1234"),
        ("TOPUP__PAYMENT_QR__SGD_UEN", "1234567890"),
        ("TOPUP__PAYMENT_QR__SGD_NAME", "A name that is longer than a code may hold"),
        ("TOPUP__MATCHING__OWN_ACCOUNTS", "??"),
        ("TOPUP__KAFKA__TOPIC_PREFIX", "a b"),
        ("TOPUP__DATABASE__URL", "mysql://u:secret@h/d"),
    ];
    let error = read(&Flags::default(), &pairs).expect_err("refused");
    let text = error.to_string();
    for words in [
        "unknown key `database.poll_size`",
        "did you mean `database.pool_size`?",
        "environment TOPUP__WORKER__BATCH_RECORDS",
        "a whole number from 1 to 10000",
        "one of suggest, apply",
        "matching.max_auto_amounts.JPY",
        "matching.max_return_fees.JPY",
        "balances.levels.JPY",
        "payment_qr.eur_iban",
        "payment_qr.eur_bic",
        "payment_qr.sgd_uen",
        "payment_qr.sgd_name",
        "matching.own_accounts",
        "kafka.topic_prefix",
        "database.url",
    ] {
        assert!(text.contains(words), "{words} is not in {text}");
    }
    assert!(!text.contains("secret"), "{text}");
}

#[test]
fn what_a_command_needs_must_be_there() {
    let error = Loaded::read(&Flags::default(), &environment(&[]), Needs::ALL);
    let text = error.expect_err("refused").to_string();
    assert!(text.contains("`database.url` is not set; give DATABASE_URL"), "{text}");
    assert!(text.contains("`kafka.brokers` is not set; give KAFKA_BROKERS"), "{text}");
    let lanes = [("TOPUP__WORKER__LANE_RECORDS", "10")];
    let text = read(&Flags::default(), &lanes).expect_err("refused").to_string();
    assert!(text.contains("at least `worker.batch_records`, which is 1000"), "{text}");
}

#[test]
fn secrets_come_from_files_and_are_masked() {
    let path = file("password", "hunter2\n");
    let name = path.to_str().expect("a name");
    let pairs = [
        ("TOPUP__KAFKA__SASL_PASSWORD_FILE", name),
        ("DATABASE_URL", "postgres://u:secret@h/d"),
        ("TOPUP__KAFKA__SECURITY_PROTOCOL", "sasl_ssl"),
        ("TOPUP__KAFKA__SASL_MECHANISM", "PLAIN"),
        ("TOPUP__KAFKA__SASL_USERNAME", "u"),
        ("TOPUP__KAFKA__SSL_KEY_PASSWORD_FILE", name),
    ];
    let loaded = read(&Flags::default(), &pairs).expect("reads");
    let password = loaded.config.kafka.sasl_password.as_ref();
    assert_eq!(password.map(Secret::reveal), Some("hunter2"));
    assert_eq!(loaded.config.kafka.security()["sasl.password"], "hunter2");
    assert_eq!(loaded.config.kafka.security()["ssl.key.password"], "hunter2");
    for text in [format!("{loaded:?}"), format!("{:?}", loaded.shown)] {
        assert!(!text.contains("hunter2") && !text.contains("secret"), "{text}");
    }
    let both = [pairs[0], ("TOPUP__KAFKA__SASL_PASSWORD", "x")];
    let text = read(&Flags::default(), &both).expect_err("refused").to_string();
    assert!(text.contains("are both set"), "{text}");
    std::fs::remove_file(path).expect("removes");
}

#[test]
fn a_login_that_lacks_something_or_that_nobody_uses_is_refused() {
    let refused =
        |pairs: &[(&str, &str)]| read(&Flags::default(), pairs).expect_err("refused").to_string();
    let text = refused(&[("TOPUP__KAFKA__SECURITY_PROTOCOL", "sasl_ssl")]);
    for key in ["sasl_mechanism", "sasl_username", "sasl_password"] {
        assert!(text.contains(&format!("`kafka.{key}` is not set")), "{text}");
    }
    let text = refused(&[("TOPUP__KAFKA__SASL_PASSWORD", "hunter2")]);
    assert!(text.contains("`kafka.sasl_password`, which is set"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    let by = |mechanism: &'static str, key: &'static str, value: &'static str| {
        let login = ("TOPUP__KAFKA__SECURITY_PROTOCOL", "sasl_ssl");
        refused(&[login, ("TOPUP__KAFKA__SASL_MECHANISM", mechanism), (key, value)])
    };
    let text = by("OAUTHBEARER", "TOPUP__KAFKA__SASL_PASSWORD", "hunter2");
    assert!(text.contains("`kafka.sasl_token_location` is not set"), "{text}");
    assert!(text.contains("`kafka.sasl_password`, which is set"), "{text}");
    assert!(!text.contains("hunter2") && !text.contains("`kafka.sasl_username`"), "{text}");
    let text = by("PLAIN", "TOPUP__KAFKA__SASL_TOKEN_LOCATION", "token");
    assert!(text.contains("`kafka.sasl_username` is not set"), "{text}");
    assert!(text.contains("`kafka.sasl_token_location`, which is set"), "{text}");
    let text = refused(&[("TOPUP__KAFKA__SSL_CA_LOCATION", "ca.pem")]);
    assert!(text.contains("`kafka.ssl_ca_location`, which is set"), "{text}");
}

#[test]
fn the_policy_is_that_of_the_settings() {
    let pairs = [
        ("TOPUP__MATCHING__PARTIAL", "apply"),
        ("TOPUP__MATCHING__MAX_AUTO_AMOUNTS__SGD", "1000.00"),
        ("TOPUP__MATCHING__MAX_RETURN_FEES__SGD", "3.00"),
        ("TOPUP__MATCHING__OWN_ACCOUNTS", "DBS-001 234, 99-88777"),
        ("TOPUP__DATABASE__ROLE", ""),
        ("TOPUP__BALANCES__LEVELS__SGD", "20.00, 5"),
        ("TOPUP__PAYMENT_QR__EUR_NAME", "Müller Telecom GmbH"),
        ("TOPUP__PAYMENT_QR__EUR_IBAN", "DE89 3704 0044 0532 0130 00"),
        ("TOPUP__PAYMENT_QR__SGD_UEN", "201912345k"),
    ];
    let loaded = read(&Flags::default(), &pairs).expect("reads");
    for (key, value) in [
        ("matching.max_auto_amounts.SGD", "1000.00"),
        ("matching.max_return_fees.SGD", "3.00"),
        ("balances.levels.SGD", "20.00, 5"),
    ] {
        assert_eq!(origin(&loaded, key).value.as_deref(), Some(value), "it is shown");
    }
    let config = loaded.config;
    let policy = config.policy();
    assert_eq!(policy.max_return_fees[0].to_string(), "3.00 SGD");
    assert_eq!(policy.partial, PartialPolicy::Apply);
    assert_eq!(policy.max_auto_amounts.len(), 1);
    assert_eq!(policy.max_auto_amounts[0].to_string(), "1000.00 SGD");
    assert_eq!(policy.own_accounts.len(), 2);
    assert_eq!(config.database.role, None);
    let sgd = Currency::parse("SGD").expect("SGD");
    let codes = config.payment_qr();
    assert_eq!(codes.euro.map(|payee| payee.iban).as_deref(), Some("DE89370400440532013000"));
    assert_eq!(codes.paynow, None, "a number without a name");
    let levels = config.balance_levels();
    let levels = levels.of(sgd).expect("levels").iter().map(|level| level.number());
    assert_eq!(levels.collect::<Vec<_>>(), ["5.00", "20.00"]);
}

#[test]
fn a_file_that_is_not_there_or_no_toml_is_told() {
    let missing = Flags { file: Some("/nowhere/topup.toml".into()), ..Flags::default() };
    assert!(matches!(read(&missing, &[]), Err(ConfigError::File(_))));
    let path = file("broken.toml", "[database\nurl");
    let broken = Flags { file: Some(path.clone()), ..Flags::default() };
    assert!(matches!(read(&broken, &[]), Err(ConfigError::File(_))));
    std::fs::remove_file(path).expect("removes");
}
