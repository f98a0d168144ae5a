//! Errors of the adapter. The native code is kept, so that callers never decide by text.

use rdkafka::error::{KafkaError as NativeError, RDKafkaErrorCode};

use super::refusal::Refusal;

/// What can go wrong when a client is started or asked something.
#[derive(Debug, thiserror::Error)]
pub enum KafkaError {
    /// A setting is missing, out of range, or one that this adapter fixes for safety.
    #[error("kafka setting `{key}`: {problem}")]
    Setting { key: String, problem: String },
    /// librdkafka refused or failed a call.
    #[error("{}", failed(action))]
    Client {
        action: &'static str,
        #[source]
        source: NativeError,
    },
    /// Brokers do not let us in, and the client has said why.
    #[error("{}: {}", refusal.code, refusal.sentence)]
    Refused { refusal: Refusal, source: Said },
    /// A thread could not be started.
    #[error("kafka thread could not be started")]
    Thread(#[source] std::io::Error),
    /// The consumer cannot go on: it is stopped and the process has to end.
    #[error("kafka consumer stopped: {0}")]
    Fatal(String),
}

/// The client's own words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Said(pub String);

/// A cluster that does not tell its topics tells nothing.
fn failed(action: &str) -> String {
    match action {
        "metadata" => "Kafka does not answer".to_owned(),
        other => format!("kafka {other} failed"),
    }
}

impl KafkaError {
    pub(super) fn client(action: &'static str) -> impl Fn(NativeError) -> Self {
        move |source| match Refusal::of(&source, "") {
            Some(refusal) => Self::Refused { refusal, source: Said(source.to_string()) },
            None => Self::Client { action, source },
        }
    }

    pub(super) fn setting(key: &str, problem: impl Into<String>) -> Self {
        Self::Setting { key: key.to_owned(), problem: problem.into() }
    }

    /// The native error code, when librdkafka gave one.
    pub fn code(&self) -> Option<RDKafkaErrorCode> {
        match self {
            Self::Client { source, .. } => source.rdkafka_error_code(),
            Self::Setting { .. } | Self::Refused { .. } | Self::Thread(_) | Self::Fatal(_) => None,
        }
    }
}
