//! A login by a token that is renewed in a file.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::broker::Broker;
use super::{logging, said};
use crate::harness::World;

/// A token of the worker that ends in so many seconds.
fn token(seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let now = i64::try_from(now).expect("a time");
    let claims = format!(r#"{{"sub":"worker","iat":{},"exp":{}}}"#, now - 600, now + seconds);
    let parts = [r#"{"alg":"none"}"#.to_owned(), claims];
    let [head, claims] = parts.map(|part| URL_SAFE_NO_PAD.encode(part));
    format!("{head}.{claims}.")
}

/// As a whole, as who renews it has to.
fn write(file: &str, text: &str) {
    let fresh = format!("{file}.new");
    std::fs::write(&fresh, text).expect("written");
    std::fs::rename(fresh, file).expect("renamed");
}

pub async fn are_read_again(world: &World, broker: &Broker) {
    let file = broker.folder.file("token");
    let settings = broker.with_token(&file);
    let cases = [
        (token(3_600), None),
        (token(-300), Some("kafka_token_expired")),
        ("SeCrEt".to_owned(), Some("kafka_token_unusable")),
    ];
    world.database.execute("TRUNCATE partition_states").await;
    for (text, code) in cases {
        write(&file, &text);
        let (exit, told) = said(world, &settings, &["doctor", "--output", "json"]);
        assert_eq!(exit, Some(i32::from(code.is_some())), "{code:?}: {told}");
        let known: Vec<&str> =
            topup::kafka::CODES.into_iter().filter(|known| told.contains(known)).collect();
        assert_eq!(known, Vec::from_iter(code), "{told}");
        assert!(!text.split('.').any(|part| part.len() > 5 && told.contains(part)), "{told}");
    }
    // A worker that began with a token that had expired.
    write(&file, &token(-300));
    let (process, path) = logging(world, &settings);
    let states = "SELECT count(DISTINCT topic) FROM partition_states WHERE";
    let refused =
        format!("{states} state = 'unauthorised' AND reason LIKE 'kafka_token_expired: %'");
    world.until(&refused, "3").await;
    write(&file, &token(3_600));
    world.until(&format!("{states} state = 'flowing'"), "3").await;
    crate::crash::kill(process);
    let log = std::fs::read_to_string(&path).expect("the log");
    assert!(log.contains("kafka_token_expired") && !log.contains("eyJ"), "{log}");
    std::fs::remove_file(path).expect("removed");
}
