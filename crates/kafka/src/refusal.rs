//! Why brokers do not let us in, in a sentence.
//!
//! The client tells it only to its callbacks, and mostly by words: the call that failed says that
//! it had no answer. The words are only told, with a stable code; nothing else is decided by them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rdkafka::error::{KafkaError as NativeError, RDKafkaErrorCode as Code};

use super::trouble::{HeldAs, Trouble};

/// Why brokers refuse us: a stable code, and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    pub code: &'static str,
    pub sentence: &'static str,
}

/// The code of each refusal, in `docs/ERRORS.md`.
pub const CODES: [&str; 12] = [
    "kafka_login_refused",
    "kafka_mechanism_refused",
    "kafka_certificate_untrusted",
    HOST_MISMATCH.code,
    "kafka_client_certificate_refused",
    "kafka_wants_tls",
    "kafka_speaks_no_tls",
    "kafka_wants_login",
    "kafka_topic_denied",
    "kafka_group_denied",
    "kafka_token_unusable",
    "kafka_token_expired",
];

const fn refusal(code: &'static str, sentence: &'static str) -> Refusal {
    Refusal { code, sentence }
}

/// Told apart from an unknown authority only by a second look: the client has the same words.
pub(super) const HOST_MISMATCH: Refusal = refusal(
    "kafka_host_mismatch",
    "the broker's certificate is for another host name than that of kafka.brokers",
);

/// What the client says, and what it means. The first that fits holds.
const WORDS: [(&str, Refusal); 14] = [
    ("Must supply an unexpired token", TOKEN_EXPIRED),
    ("acquire SASL OAUTHBEARER token", TOKEN),
    ("connecting to a SSL listener?", WANTS_TLS),
    ("connecting to a PLAINTEXT broker listener?", SPEAKS_NO_TLS),
    ("wrong version number", SPEAKS_NO_TLS),
    ("packet length too long", SPEAKS_NO_TLS),
    ("broker might require SASL authentication", WANTS_LOGIN),
    ("certificate verify failed", UNTRUSTED),
    ("certificate required", CLIENT_CERTIFICATE),
    ("alert bad certificate", CLIENT_CERTIFICATE),
    ("alert unknown ca", CLIENT_CERTIFICATE),
    ("client SSL authentication might be required", CLIENT_CERTIFICATE),
    ("mechanism handshake failed", MECHANISM),
    ("uthentication failed", LOGIN),
];

const LOGIN: Refusal = refusal(
    CODES[0],
    "the broker does not take this user and password (kafka.sasl_username, kafka.sasl_password), \
     or this token (kafka.sasl_token_location)",
);
const MECHANISM: Refusal =
    refusal(CODES[1], "the broker does not offer this way to log in (kafka.sasl_mechanism)");
const UNTRUSTED: Refusal = refusal(
    CODES[2],
    "the broker's certificate is not signed by an authority that is trusted \
     (kafka.ssl_ca_location), or is for another host name than that of kafka.brokers: `topup \
     doctor` tells which",
);
pub(super) const UNKNOWN_AUTHORITY: Refusal = refusal(
    CODES[2],
    "the broker's certificate is not signed by an authority that is trusted \
     (kafka.ssl_ca_location)",
);
const CLIENT_CERTIFICATE: Refusal = refusal(
    CODES[4],
    "the broker wants a certificate of this client that it trusts \
     (kafka.ssl_certificate_location, kafka.ssl_key_location)",
);
const WANTS_TLS: Refusal =
    refusal(CODES[5], "the broker speaks TLS at this port (kafka.security_protocol)");
const SPEAKS_NO_TLS: Refusal =
    refusal(CODES[6], "the broker does not speak TLS at this port (kafka.security_protocol)");
const WANTS_LOGIN: Refusal =
    refusal(CODES[7], "the broker wants a login at this port (kafka.security_protocol)");
const TOPIC: Refusal = refusal(
    CODES[8],
    "the broker's access rules do not let this user at the topic, or the topic is not there",
);
const GROUP: Refusal = refusal(
    CODES[9],
    "the broker's access rules do not let this user into the group (kafka.group_id)",
);

const TOKEN: Refusal = refusal(
    CODES[10],
    "the file of kafka.sasl_token_location holds no token that could be sent to a broker",
);
const TOKEN_EXPIRED: Refusal = refusal(
    CODES[11],
    "the token of kafka.sasl_token_location has expired, and its file holds no newer one",
);

fn by_words(said: &str) -> Option<Refusal> {
    let known = WORDS.iter().find(|(words, _)| said.contains(words));
    known.map(|(_, refusal)| *refusal)
}

impl Refusal {
    /// What an error means, and what the client says of it.
    pub(super) fn of(error: &NativeError, reason: &str) -> Option<Self> {
        match error.rdkafka_error_code()? {
            Code::TopicAuthorizationFailed => Some(TOPIC),
            Code::GroupAuthorizationFailed => Some(GROUP),
            Code::Authentication | Code::SSL | Code::BrokerTransportFailure => by_words(reason),
            _ => None,
        }
    }

    /// Whether who the broker is could not be proven.
    pub(super) fn is_untrusted(&self) -> bool {
        self.code == UNTRUSTED.code
    }

    /// Whether it is the group that we may not join.
    pub fn is_of_group(&self) -> bool {
        self.code == GROUP.code
    }

    /// As a partition is told to stand for it.
    pub(super) fn trouble(&self) -> Trouble {
        let reason = format!("{}: {}", self.code, self.sentence);
        Trouble { held_as: HeldAs::Unauthorised, reason }
    }
}

/// The last refusal that a client was told of.
#[derive(Debug, Default)]
pub(super) struct LastRefusal {
    told: Mutex<Option<(Refusal, String)>>,
    /// A broker that was asked something closed the connection.
    closed: AtomicBool,
    /// One did so at the first word: what it takes for noise is no TLS.
    deaf: AtomicBool,
}

impl LastRefusal {
    /// What a callback says; whether it is a refusal.
    pub(crate) fn hear(&self, error: &NativeError, reason: &str) -> Option<Refusal> {
        let refusal = Refusal::of(error, reason)?;
        *self.lock() = Some((refusal, reason.to_owned()));
        Some(refusal)
    }

    /// The same of a line of the log: that a connection was closed is no error of the client.
    pub(crate) fn hear_line(&self, facility: &str, line: &str) -> Option<Refusal> {
        if facility != "FAIL" {
            return None;
        }
        if line.contains("in state UP") {
            self.closed.store(true, Ordering::Release);
        }
        if line.contains("in state APIVERSION_QUERY") {
            self.deaf.store(true, Ordering::Release);
        }
        let refusal = by_words(line)?;
        *self.lock() = Some((refusal, line.to_owned()));
        Some(refusal)
    }

    /// With what the client said.
    pub(crate) fn get(&self) -> Option<(Refusal, String)> {
        self.lock().clone()
    }

    /// Whether a broker took the connection, and closed it when it was asked something: what one
    /// does that waits for a login.
    pub(crate) fn was_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// What it means that nobody answers, by how connections ended; `protocol` is what we speak.
    pub(crate) fn of_silence(&self, protocol: &str) -> Option<Refusal> {
        let (tls, login) = (protocol.ends_with("ssl"), protocol.starts_with("sasl"));
        if self.deaf.load(Ordering::Acquire) && !tls {
            Some(WANTS_TLS)
        } else {
            Some(WANTS_LOGIN).filter(|_| self.was_closed() && !login)
        }
    }

    /// The brokers let us in.
    pub(crate) fn over(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(Refusal, String)>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_a_code_of_the_list() {
        let by_words = WORDS.iter().map(|(_, refusal)| refusal.code);
        let mut known: Vec<&str> =
            by_words.chain([TOPIC.code, GROUP.code, HOST_MISMATCH.code]).collect();
        known.sort_unstable();
        known.dedup();
        let mut listed = CODES.to_vec();
        listed.sort_unstable();
        assert_eq!(known, listed);
    }

    #[test]
    fn what_is_no_refusal_is_none() {
        let away = NativeError::Global(Code::BrokerTransportFailure);
        assert_eq!(Refusal::of(&away, "Connect to ipv4#127.0.0.1:1 failed: refused"), None);
        let down = NativeError::Global(Code::AllBrokersDown);
        assert_eq!(Refusal::of(&down, "SASL authentication failed"), None);
    }
}
