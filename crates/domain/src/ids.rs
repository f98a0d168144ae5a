//! Identifiers: one newtype each, so that a payment id can never stand where an invoice id must.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// The longest identifier, in bytes (contract §2).
pub const ID_BYTES_MAX: usize = 64;

/// An identifier outside its grammar: `^[A-Za-z0-9._:-]{1,64}$`, unless it is a producer's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an identifier has another length, or characters that it may not have")]
pub struct MalformedId;

/// Whether `text` is an identifier by the contract's grammar.
pub fn is_id(text: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-');
    !text.is_empty() && text.len() <= ID_BYTES_MAX && text.bytes().all(allowed)
}

/// The longest id of a record, and of what a producer numbers itself, in characters.
pub const PRODUCER_ID_MAX: usize = 128;
/// The longest source of a record, in bytes.
pub const SOURCE_BYTES_MAX: usize = 255;

/// Whether `text` is an id that a rating or charging system gave: visible ASCII characters.
pub fn is_producer_id(text: &str) -> bool {
    (1..=PRODUCER_ID_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether `text` can be the id of a record: visible characters of any script.
pub fn is_message_id(text: &str) -> bool {
    let hidden = |character: char| {
        character.is_control()
            || character.is_whitespace()
            || matches!(
                character,
                '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            )
    };
    (1..=PRODUCER_ID_MAX).contains(&text.chars().count()) && !text.chars().any(hidden)
}

/// Whether `text` is made as a URI reference is (RFC 3986): its characters, whole escapes, at most
/// one fragment.
pub fn is_source(text: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    let whole = |rest: &str| {
        let mut digits = rest.bytes().take(2);
        digits.len() == 2 && digits.all(|byte| byte.is_ascii_hexdigit())
    };
    (1..=SOURCE_BYTES_MAX).contains(&text.len())
        && text.bytes().all(allowed)
        && text.split('%').skip(1).all(whole)
        && text.matches('#').count() <= 1
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        text_id!($(#[$doc])* $name, is_id);
    };
    ($(#[$doc:meta])* $name:ident, $grammar:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// # Errors
            /// [`MalformedId`].
            pub fn parse(text: &str) -> Result<Self, MalformedId> {
                if $grammar(text) { Ok(Self(Arc::from(text))) } else { Err(MalformedId) }
            }

            /// Wraps what the database holds, which has the same CHECK as [`Self::parse`].
            pub fn trusted(text: &str) -> Self {
                Self(Arc::from(text))
            }

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
    /// A remittance advice, within the bank account that is paid into.
    AdviceId, is_producer_id
);
text_id!(
    /// A charge, as the rating system names it within an account.
    UsageId, is_producer_id
);
text_id!(
    /// A refund of a charge, within an account.
    RefundId, is_producer_id
);
text_id!(
    /// Credit set aside for a call in progress, within an account.
    HoldId, is_producer_id
);
text_id!(
    /// A choice that a person has for a payment.
    SuggestionId
);
text_id!(
    /// The system that wrote a record (`CloudEvents` `source`).
    Source, is_source
);
text_id!(
    /// The idempotency id of a record within its source.
    MessageId, is_message_id
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
    pub fn is_our_own(&self) -> bool {
        own_source::ALL.contains(&self.as_str())
    }
}

/// The identity of a bank transaction among those of its bank account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BankKey {
    pub bank_account: String,
    pub key: String,
}

/// SHA-256 over a record's type and canonical data: whitespace, key order, envelope time and
/// trace do not change it.
pub type ContentHash = [u8; 32];

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

    #[test]
    fn records_are_named_as_cloudevents_name_them() {
        for good in [
            "/billing/crm",
            "https://crm.example.com/a?b=c;d#e",
            "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
            "mailto:billing@example.com",
            "../up/%20there",
            "crm",
            &"s".repeat(255),
        ] {
            assert!(Source::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a%2", "a%zz", "a#b#c", "ü", "a<b>", "a\\b", &"s".repeat(256)] {
            assert_eq!(Source::parse(bad), Err(MalformedId), "{bad}");
        }
        for good in ["name:crm;lsn:29274832;txId:565", "a/b", "{}", "№1", "注文1", &"ü".repeat(128)]
        {
            assert!(MessageId::parse(good).is_ok(), "{good}");
        }
        for bad in
            ["", "a b", "a\n", "a\u{200b}", "\u{feff}a", "a\0", "\u{202e}a", &"i".repeat(129)]
        {
            assert_eq!(MessageId::parse(bad), Err(MalformedId), "{bad}");
        }
        for good in ["cdr;7/1", "a|b", &"u".repeat(128)] {
            assert!(UsageId::parse(good).is_ok() && HoldId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "ü", "a\u{7f}", &"u".repeat(129)] {
            assert!(UsageId::parse(bad).is_err() && RefundId::parse(bad).is_err(), "{bad}");
        }
    }
}
