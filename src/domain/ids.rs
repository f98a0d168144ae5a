//! Identifiers: one newtype each, so that a payment id can never stand where an invoice id must.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// The longest identifier, in bytes (contract §2).
pub const ID_BYTES_MAX: usize = 64;

/// An identifier outside `^[A-Za-z0-9._:-]{1,64}$`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an identifier is 1 to 64 characters of A-Z a-z 0-9 . _ : -")]
pub struct MalformedId;

/// Whether `text` is an identifier by the contract's grammar.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-');
    !text.is_empty() && text.len() <= ID_BYTES_MAX && text.bytes().all(allowed)
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// # Errors
            /// [`MalformedId`].
            pub fn parse(text: &str) -> Result<Self, MalformedId> {
                if is_id(text) { Ok(Self(Arc::from(text))) } else { Err(MalformedId) }
            }

            /// Wraps what the database holds, which has the same CHECK as [`Self::parse`].
            #[must_use]
            pub fn trusted(text: &str) -> Self {
                Self(Arc::from(text))
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// A customer.
    AccountId
);
text_id!(
    /// A topup invoice.
    InvoiceId
);
text_id!(
    /// Money received.
    PaymentId
);
text_id!(
    /// Our account at a bank, as the feed names it.
    BankAccountId
);
text_id!(
    /// A charge, as the rating system names it within an account.
    UsageId
);
text_id!(
    /// A refund of a charge, within an account.
    RefundId
);
text_id!(
    /// Credit set aside for a call in progress, within an account.
    HoldId
);
text_id!(
    /// A choice that a person has for a payment.
    SuggestionId
);
text_id!(
    /// The system that wrote a record (`CloudEvents` `source`).
    Source
);
text_id!(
    /// The idempotency id of a record within its source.
    MessageId
);

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub i64);
    };
}

number_id!(
    /// The link of part of one payment to one invoice; its lot has the same number.
    AllocationId
);
number_id!(
    /// A recorded charge or refund.
    ChargeId
);
number_id!(
    /// A balanced set of ledger entries.
    LedgerTransactionId
);
number_id!(
    /// A stored matching decision.
    DecisionId
);
number_id!(
    /// A step back of an allocation.
    ReversalId
);
number_id!(
    /// A return of a bank payment, or its undoing.
    ReturnId
);

/// Numbers for one batch, handed in from outside so that deciding stays free of I/O.
#[derive(Debug, Clone)]
pub struct IdBlock {
    next: i64,
}

impl IdBlock {
    /// Ids per block: a batch of 1,000 records takes three to twenty-two each (R5 allocates to
    /// twenty invoices), far below a million.
    pub const SIZE: i64 = 1 << 20;

    /// The block with ordinal `ordinal` (a database sequence gives each ordinal once).
    #[must_use]
    pub fn new(ordinal: i64) -> Self {
        Self { next: ordinal.saturating_mul(Self::SIZE) }
    }

    pub fn allocation(&mut self) -> AllocationId {
        AllocationId(self.take())
    }

    pub fn ledger_transaction(&mut self) -> LedgerTransactionId {
        LedgerTransactionId(self.take())
    }

    pub fn charge(&mut self) -> ChargeId {
        ChargeId(self.take())
    }

    pub fn decision(&mut self) -> DecisionId {
        DecisionId(self.take())
    }

    pub fn reversal(&mut self) -> ReversalId {
        ReversalId(self.take())
    }

    pub fn payment_return(&mut self) -> ReturnId {
        ReturnId(self.take())
    }

    fn take(&mut self) -> i64 {
        let id = self.next;
        self.next = self.next.saturating_add(1);
        id
    }
}

/// What identifies a record for ever: `(source, id)` is the inbox key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId {
    pub source: Source,
    pub id: MessageId,
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.source, self.id)
    }
}

/// The sources of records that we make ourselves. Nobody else may use them: a record from outside
/// under one of them could take the id of an act of ours.
pub mod own_source {
    /// What jobs decide.
    pub const JOBS: &str = "topup-jobs";
    /// What the sweep tries again.
    pub const RETURNS: &str = "topup-returns";
    pub const HOLDS: &str = "topup.holds";
    /// What persons do by the command line.
    pub const OPERATOR: &str = "topup-operator";
    /// Records without an id of their own are known by their place in the log.
    pub const PLACE: &str = "kafka";

    pub const ALL: [&str; 5] = [JOBS, RETURNS, HOLDS, OPERATOR, PLACE];
}

impl Source {
    /// Whether only records that we make ourselves may have it.
    #[must_use]
    pub fn is_our_own(&self) -> bool {
        own_source::ALL.contains(&self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_follow_the_contract() {
        for good in ["a", "INV-1001", "A.b_c:d-9", &"I".repeat(64)] {
            assert!(InvoiceId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "INV\n1", "INV\u{200b}1", "ІNV", "a'; DROP", "a\0", &"I".repeat(65)]
        {
            assert_eq!(InvoiceId::parse(bad), Err(MalformedId), "{bad}");
        }
    }
}
