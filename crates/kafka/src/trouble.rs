//! Why a partition cannot be read, and which errors of the client mean that.

use rdkafka::error::{KafkaError as NativeError, RDKafkaErrorCode as Code};

use super::refusal::Refusal;

/// How a partition stands that must not flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldAs {
    /// The handler said so.
    Held,
    /// Its records cannot be read, or it is not there.
    Unreadable,
    /// We may not read it.
    Unauthorised,
}

impl HeldAs {
    /// As partitions are told to stand.
    pub fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Unreadable => "unreadable",
            Self::Unauthorised => "unauthorised",
        }
    }
}

/// Why a partition cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub held_as: HeldAs,
    pub reason: String,
}

/// What an error of the client means for a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Brokers are away or leaders change: it passes.
    Outage,
    /// The position is outside the log.
    OutOfRange,
    Held(HeldAs),
    /// The client does not know the partition; whether it is there, the broker has to say.
    NotThere,
    /// Not known to mean anything; it may have passed over records.
    Other,
}

const NOT_THERE: &str = "the topic or the partition is not there";

/// The broker says that there is no such partition.
pub(super) fn not_there() -> Trouble {
    Trouble { held_as: HeldAs::Unreadable, reason: NOT_THERE.to_owned() }
}

pub(super) fn meaning(error: &NativeError) -> Meaning {
    let Some(code) = error.rdkafka_error_code() else {
        return Meaning::Other;
    };
    match code {
        Code::AutoOffsetReset | Code::OffsetOutOfRange | Code::LogTruncation => Meaning::OutOfRange,
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed => Meaning::Held(HeldAs::Unauthorised),
        Code::BadMessage
        | Code::BadCompression
        | Code::NotImplemented
        | Code::InvalidMessage
        | Code::InvalidMessageSize
        | Code::MessageSizeTooLarge
        | Code::UnsupportedCompressionType
        | Code::UnknownTopicOrPartition => Meaning::Held(HeldAs::Unreadable),
        // The client's own word for a partition without a leader: also while no broker answers.
        Code::UnknownTopic | Code::UnknownPartition => Meaning::NotThere,
        Code::AllBrokersDown
        | Code::BrokerTransportFailure
        | Code::Resolve
        | Code::OperationTimedOut
        | Code::RequestTimedOut
        | Code::NetworkException
        | Code::LeaderNotAvailable
        | Code::NotLeaderForPartition
        | Code::BrokerNotAvailable
        | Code::CoordinatorNotAvailable
        | Code::NotCoordinator
        | Code::RebalanceInProgress
        | Code::PartitionEOF => Meaning::Outage,
        _ => Meaning::Other,
    }
}

/// What to tell of an error that holds a partition.
pub(super) fn trouble(error: &NativeError, held_as: HeldAs) -> Trouble {
    let reason = match error.rdkafka_error_code() {
        Some(Code::BadMessage | Code::InvalidMessage) => "a batch of records is corrupt".to_owned(),
        Some(Code::BadCompression) => "a batch of records cannot be decompressed".to_owned(),
        Some(Code::NotImplemented | Code::UnsupportedCompressionType) => {
            "a batch of records has a compression that this program does not know".to_owned()
        }
        Some(Code::TopicAuthorizationFailed | Code::GroupAuthorizationFailed) => {
            Refusal::of(error, "")
                .map_or_else(|| error.to_string(), |refusal| refusal.trouble().reason)
        }
        Some(Code::UnknownTopicOrPartition) => NOT_THERE.to_owned(),
        Some(code) => code.to_string(),
        None => error.to_string(),
    };
    Trouble { held_as, reason }
}
