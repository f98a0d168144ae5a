//! The doors of the program: a broker and a database that let in who proves who it is, and prove
//! themselves. Each refusal is told in a sentence with its code.

mod broker;
mod certificates;
mod database;
mod defaults;
mod pooler;
mod roles;
mod tokens;
mod trips;

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use crate::harness::World;
use crate::harness::records::{account, credit};

use broker::{Broker, PASSWORD};

type Settings = Vec<(&'static str, String)>;

/// With other values for some.
fn but(mut settings: Settings, other: &[(&'static str, &str)]) -> Settings {
    for (key, value) in other {
        settings.retain(|(known, _)| known != key);
        settings.push((key, (*value).to_owned()));
    }
    settings.retain(|(_, value)| !value.is_empty());
    settings
}

fn topup(world: &World, settings: &Settings, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_topup"));
    command.args(words).env("DATABASE_URL", &world.database.url).env_remove("KAFKA_BROKERS");
    command.env("TOPUP__KAFKA__TOPIC_PREFIX", &world.name);
    command.env("TOPUP__KAFKA__GROUP_ID", &world.name).env_remove("RUST_LOG");
    command.envs(settings.iter().map(|(key, value)| (format!("TOPUP__{key}"), value)));
    command
}

fn said(world: &World, settings: &Settings, words: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } =
        topup(world, settings, words).output().expect("it starts");
    (status.code(), String::from_utf8([stdout, stderr].concat()).expect("text"))
}

/// A broker that wants a proof from everybody, and a worker that has the least rights.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_wants_proofs_is_worked_with_and_each_refusal_is_a_sentence() {
    let broker = tokio::task::spawn_blocking(Broker::start).await.expect("a broker");
    let mut world = World::on(&broker.open, "doors", 1).await;
    let topics = world.topics.clone();
    let read = [&topics.commands, &topics.bank_payments, &topics.usage];
    let read = read.map(String::as_str);
    let mut resources = vec!["--group", world.name.as_str()];
    resources.extend(read.iter().flat_map(|topic| ["--topic", topic]));
    broker.allow("Read", &resources);
    broker.allow("Write", &["--topic", &topics.events, "--topic", &topics.dead_letters]);
    // In this order: what the second sets beside the first does no harm.
    for (customer, settings) in [("ACC", broker.certified()), ("TWO", broker.settings())] {
        payment(&mut world, customer, &settings).await;
    }
    sentences(&world, &broker);
    held(&world, &broker).await;
    tokens::are_read_again(&world, &broker).await;
    world.finish().await;
}

/// From a bank's record to a published event, through both doors.
async fn payment(world: &mut World, customer: &str, settings: &Settings) {
    for (key, value) in settings {
        world.set(key, value);
    }
    let worker = world.start().await;
    let id = format!("c-{customer}");
    world.applied(&id, "account.upsert", customer, account(customer)).await;
    let id = format!("b-{customer}");
    world.bank(&id, credit(&id, "12.00")).await;
    assert_eq!(world.outcome(&id).await, ("applied".to_owned(), None));
    let events = world.events().await;
    assert!(
        events.iter().any(|event| event.json.to_string().contains(&id)),
        "{id} is told: {events:#?}"
    );
    worker.shutdown().await;
    let (exit, text) = said(world, settings, &["doctor", "--output", "json"]);
    assert_eq!(exit, Some(0), "{text}");
    assert!(text.contains("TLS, proven by the authorities of"), "{text}");
}

/// Each way to be refused, as `doctor` tells it.
fn sentences(world: &World, broker: &Broker) {
    let (login, shown) = (broker.settings(), broker.certified());
    let other = broker.folder.file("other.crt");
    let by_number = broker.login.replace("localhost", "127.0.0.1");
    let bare = but(
        login.clone(),
        &[
            ("KAFKA__BROKERS", &broker.bare_login),
            ("KAFKA__SECURITY_PROTOCOL", "sasl_plaintext"),
            ("KAFKA__SASL_MECHANISM", "SCRAM-SHA-256"),
            ("KAFKA__SSL_CA_LOCATION", ""),
        ],
    );
    let none: Settings = vec![("KAFKA__BROKERS", broker.login.clone())];
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"] {
        let settings = but(login.clone(), &[("KAFKA__SASL_MECHANISM", mechanism)]);
        let (exit, text) = said(world, &settings, &["doctor", "--output", "json"]);
        assert_eq!(exit, Some(0), "{mechanism}: {text}");
    }
    let (exit, text) = said(world, &bare, &["doctor", "--output", "json"]);
    assert_eq!(exit, Some(0), "{text}");
    let unsigned = [("KAFKA__SSL_CERTIFICATE_LOCATION", ""), ("KAFKA__SSL_KEY_LOCATION", "")];
    let refused: [(&str, Settings); 10] = [
        ("kafka_login_refused", but(login.clone(), &[("KAFKA__SASL_PASSWORD", "wrong-horse")])),
        ("kafka_login_refused", but(bare.clone(), &[("KAFKA__SASL_USERNAME", "nobody")])),
        ("kafka_mechanism_refused", but(bare, &[("KAFKA__SASL_MECHANISM", "PLAIN")])),
        ("kafka_certificate_untrusted", but(login.clone(), &[("KAFKA__SSL_CA_LOCATION", &other)])),
        ("kafka_host_mismatch", but(login.clone(), &[("KAFKA__BROKERS", &by_number)])),
        ("kafka_client_certificate_refused", but(shown.clone(), &unsigned)),
        ("kafka_wants_tls", none),
        ("kafka_speaks_no_tls", but(login.clone(), &[("KAFKA__BROKERS", &broker.open)])),
        ("kafka_wants_login", but(shown, &[("KAFKA__BROKERS", &broker.login)])),
        ("kafka_topic_denied", but(login.clone(), &[("KAFKA__TOPIC_PREFIX", "strangers")])),
    ];
    let mut wrong = Vec::new();
    for (code, settings) in refused {
        let (exit, text) = said(world, &settings, &["doctor", "--output", "json"]);
        assert!(!text.contains(PASSWORD) && !text.contains("wrong-horse"), "{text}");
        let told = topup::kafka::CODES.iter().filter(|other| text.contains(**other));
        if exit != Some(1) || told.collect::<Vec<_>>() != [&code] {
            wrong.push(format!("{code}: {exit:?} {text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let group = but(login, &[("KAFKA__GROUP_ID", "strangers")]);
    let (exit, text) = said(world, &group, &["doctor", "--output", "json"]);
    assert!(exit == Some(1) && text.contains("kafka_group_denied"), "{text}");
}

fn logging(world: &World, settings: &Settings) -> (Child, PathBuf) {
    let path = std::env::temp_dir().join(format!("{}-refused.log", world.name));
    let file = std::fs::File::create(&path).expect("a file");
    let mut command = topup(world, settings, &["worker"]);
    let process = command.stdout(Stdio::null()).stderr(file).spawn().expect("a process");
    (process, path)
}

/// What a worker is refused is a state of its partitions, and one line of its log.
async fn held(world: &World, broker: &Broker) {
    let login = broker.settings();
    let other = broker.folder.file("other.crt");
    let cases = [
        ("kafka_login_refused", but(login.clone(), &[("KAFKA__SASL_PASSWORD", "wrong-horse")])),
        ("kafka_certificate_untrusted", but(login.clone(), &[("KAFKA__SSL_CA_LOCATION", &other)])),
        ("kafka_group_denied", but(login.clone(), &[("KAFKA__GROUP_ID", "strangers")])),
        ("kafka_topic_denied", but(login, &[("KAFKA__TOPIC_PREFIX", "strangers")])),
    ];
    for (code, settings) in cases {
        world.database.execute("TRUNCATE partition_states").await;
        let (process, path) = logging(world, &settings);
        let topics = "SELECT count(DISTINCT topic) FROM partition_states
            WHERE state = 'unauthorised' AND since IS NOT NULL AND reason LIKE";
        world.until(&format!("{topics} '{code}: %'"), "3").await;
        let (exit, text) = said(world, &settings, &["status", "--output", "json"]);
        assert!(exit == Some(3) && text.contains(code), "{text}");
        crate::crash::kill(process);
        let log = std::fs::read_to_string(&path).expect("the log");
        let lines = log.lines().filter(|line| line.contains("Kafka refuses us"));
        assert!(lines.count() <= 2, "one for reading and one for writing: {log}");
        assert!(log.contains(code), "{log}");
        std::fs::remove_file(path).expect("removed");
    }
}
