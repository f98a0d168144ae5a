//! Whether Kafka lets us in; what is encrypted, and by whom the other side is proven.

use super::super::cluster;
use super::{Check, fail, ok, warn};
use crate::config::KafkaConfig;
use crate::kafka::KafkaError;
use crate::store::doors::{Trust, is_here};
use crate::telemetry::chain;

pub(super) async fn kafka(kafka: &KafkaConfig) -> Vec<Check> {
    const REACHABLE: &str = "Kafka reachable";
    if kafka.brokers.is_empty() {
        let how = "set KAFKA_BROKERS or TOPUP__KAFKA__BROKERS";
        return vec![fail(REACHABLE, "no brokers are set", how)];
    }
    let found = match cluster::topics(kafka).await {
        Ok(found) => found,
        Err(error) => {
            let how = match error {
                KafkaError::Refused { .. } => "see the code in docs/ERRORS.md",
                KafkaError::Setting { .. }
                | KafkaError::Client { .. }
                | KafkaError::Thread(_)
                | KafkaError::Fatal(_) => {
                    "check kafka.brokers, the network and the security settings"
                }
            };
            return vec![fail(REACHABLE, chain(&error), how)];
        }
    };
    let mut checks = vec![ok(REACHABLE, kafka.brokers.clone()), judge_encryption(kafka)];
    let topics = kafka.topics();
    let there = |name: &str| found.iter().any(|topic| topic.name == name && topic.partitions > 0);
    let missing: Vec<String> =
        topics.all().into_iter().filter(|name| !there(name)).map(str::to_owned).collect();
    checks.push(judge_topics(kafka, topics.all().len(), missing).await);
    checks.extend(group(kafka).await);
    checks
}

async fn judge_topics(kafka: &KafkaConfig, all: usize, missing: Vec<String>) -> Check {
    if missing.is_empty() {
        return ok("topics", format!("all {all} exist"));
    }
    match cluster::denied(kafka, missing.clone()).await {
        Ok(denied) if !denied.is_empty() => {
            let found = format!("kafka_topic_denied: we may not see {}", denied.join(", "));
            let how = "grant Describe and Read, or Write, or create what is missing";
            fail("topics", found, how)
        }
        Ok(_) | Err(_) => {
            let how = "`topup topics create`, or `topup doctor --fix`: the worker never does";
            fail("topics", format!("missing: {}", missing.join(", ")), how)
        }
    }
}

/// Nothing is said of a group that lets us in.
async fn group(kafka: &KafkaConfig) -> Option<Check> {
    let refused = cluster::ends(kafka, vec![kafka.topics().commands]).await.err()?;
    let KafkaError::Refused { refusal, .. } = &refused else { return None };
    if !refusal.is_of_group() {
        return None;
    }
    let how = "grant Read on the group and Describe on the topics";
    Some(fail("group", chain(&refused), how))
}

/// What goes over a network has to be encrypted, and the broker has to prove who it is.
fn judge_encryption(kafka: &KafkaConfig) -> Check {
    const CHECK: &str = "Kafka encryption";
    let mut hosts = kafka.brokers.split(',').map(|broker| {
        let (host, _) = broker.trim().rsplit_once(':').unwrap_or((broker.trim(), ""));
        host
    });
    let here = hosts.all(is_here);
    if !kafka.has_tls() {
        return if here {
            ok(CHECK, "none: the brokers are on this machine")
        } else {
            let how = "set kafka.security_protocol to ssl or sasl_ssl";
            warn(CHECK, "none: whoever is in between reads and changes what is said", how)
        };
    }
    let by = match &kafka.ssl_ca_location {
        Some(file) => format!("the authorities of {file}"),
        None => "the authorities of this system".to_owned(),
    };
    if kafka.ssl_endpoint_identification == "none" {
        let how = "set kafka.ssl_endpoint_identification to https";
        return warn(CHECK, format!("TLS, proven by {by}, for any host name"), how);
    }
    ok(CHECK, format!("TLS, proven by {by}, for the brokers' host names"))
}

pub(super) const DATABASE: &str = "database encryption";

/// The same for the database: `version` is what encrypts.
pub(super) fn judge_database(version: Option<&str>, trust: &Trust) -> Check {
    let (here, proven) = (trust.here, &trust.by);
    let how = "use sslmode=verify-full in database.url";
    match (version, proven) {
        (None, _) if here => ok(DATABASE, "none: the database is on this machine"),
        (None, _) => {
            warn(DATABASE, "none: whoever is in between reads and changes what is said", how)
        }
        (Some(version), Some(by)) if trust.for_name => {
            ok(DATABASE, format!("{version}, proven by {by}, for the host name"))
        }
        (Some(version), Some(by)) => {
            warn(DATABASE, format!("{version}, proven by {by}, for any host name"), how)
        }
        (Some(version), None) if here => {
            ok(DATABASE, format!("{version}, not proven: the database is on this machine"))
        }
        (Some(version), None) => {
            warn(DATABASE, format!("{version}, and nobody proves that it is the database"), how)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Verdict;
    use crate::config::{Flags, Loaded, Needs};

    #[test]
    fn what_goes_over_a_network_in_the_open_is_told() {
        let judged = |pairs: &[(&str, &str)]| {
            let set =
                pairs.iter().map(|(key, value)| (format!("kafka.{key}"), (*value).to_owned()));
            let flags = Flags { file: None, set: set.collect() };
            let loaded = Loaded::read(&flags, &std::collections::BTreeMap::new(), Needs::NOTHING);
            judge_encryption(&loaded.expect("reads").config.kafka)
        };
        let here = ("brokers", "127.0.0.1:1,localhost:2");
        let there = ("brokers", "127.0.0.1:1,kafka.example:2");
        assert_eq!(judged(&[here]).verdict, Verdict::Ok);
        assert_eq!(judged(&[there]).verdict, Verdict::Warn);
        let tls = ("security_protocol", "ssl");
        assert_eq!(judged(&[there, tls]).verdict, Verdict::Ok);
        let any = ("ssl_endpoint_identification", "none");
        assert_eq!(judged(&[there, tls, any]).verdict, Verdict::Warn);
        let pinned = judged(&[there, tls, ("ssl_ca_location", "/etc/ca.pem")]);
        assert!(pinned.found.contains("/etc/ca.pem"), "{}", pinned.found);
    }

    #[test]
    fn a_database_that_nobody_proves_is_told_where_it_is_not_here() {
        let trust =
            |here, by: Option<&str>, for_name| Trust { here, by: by.map(str::to_owned), for_name };
        let tls = Some("TLSv1.3");
        let judged = |version, trust| judge_database(version, &trust).verdict;
        assert_eq!(judged(tls, trust(false, Some("a"), true)), Verdict::Ok);
        assert_eq!(judged(tls, trust(false, Some("a"), false)), Verdict::Warn);
        assert_eq!(judged(tls, trust(false, None, false)), Verdict::Warn);
        assert_eq!(judged(None, trust(false, None, false)), Verdict::Warn);
        assert_eq!(judged(tls, trust(true, None, false)), Verdict::Ok);
        assert_eq!(judged(None, trust(true, None, false)), Verdict::Ok);
    }
}
