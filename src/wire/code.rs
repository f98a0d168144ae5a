//! Why a record could not be decoded: stable codes, in order of precedence.

use std::fmt;

/// Why a record could not be decoded.
///
/// The order is the precedence: of several reasons that apply, the first is reported. Inside
/// `data` every field is checked before the reason is chosen; only where its structure is wrong
/// (`DataInvalid`) the fields are not looked at. A `time` that is no text is `EnvelopeInvalid`, a
/// text that is no instant within the range is `DateInvalid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DecodeCode {
    EmptyValue,
    TooLarge,
    NotUtf8,
    NotJson,
    NotAnObject,
    DuplicateKey,
    EnvelopeInvalid,
    SourceReserved,
    UnknownType,
    WrongTopic,
    DataInvalid,
    AmountInvalid,
    CurrencyUnknown,
    AmountScale,
    DateInvalid,
    IdInvalid,
    KeyMismatch,
    AdviceSumMismatch,
    AdviceWithoutKey,
    NotAuthorised,
}

impl DecodeCode {
    /// All codes, in order of precedence.
    pub const ALL: [Self; 20] = [
        Self::EmptyValue,
        Self::TooLarge,
        Self::NotUtf8,
        Self::NotJson,
        Self::NotAnObject,
        Self::DuplicateKey,
        Self::EnvelopeInvalid,
        Self::SourceReserved,
        Self::UnknownType,
        Self::WrongTopic,
        Self::DataInvalid,
        Self::AmountInvalid,
        Self::CurrencyUnknown,
        Self::AmountScale,
        Self::DateInvalid,
        Self::IdInvalid,
        Self::KeyMismatch,
        Self::AdviceSumMismatch,
        Self::AdviceWithoutKey,
        Self::NotAuthorised,
    ];

    /// The public name, listed in `docs/ERRORS.md`.
    pub fn code(self) -> &'static str {
        match self {
            Self::EmptyValue => "empty_value",
            Self::TooLarge => "too_large",
            Self::NotUtf8 => "not_utf8",
            Self::NotJson => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::DuplicateKey => "duplicate_key",
            Self::EnvelopeInvalid => "envelope_invalid",
            Self::SourceReserved => "source_reserved",
            Self::UnknownType => "unknown_type",
            Self::WrongTopic => "wrong_topic",
            Self::DataInvalid => "data_invalid",
            Self::AmountInvalid => "amount_invalid",
            Self::CurrencyUnknown => "currency_unknown",
            Self::AmountScale => "amount_scale",
            Self::DateInvalid => "date_invalid",
            Self::AdviceSumMismatch => "advice_sum_mismatch",
            Self::AdviceWithoutKey => "advice_without_key",
            Self::NotAuthorised => "not_authorised",
            Self::IdInvalid => "id_invalid",
            Self::KeyMismatch => "key_mismatch",
        }
    }

    /// One sentence for the operator.
    pub fn message(self) -> &'static str {
        match self {
            Self::EmptyValue => "The record has no value.",
            Self::TooLarge => "The record's value is larger than 65,536 bytes.",
            Self::NotUtf8 => "The record's value is not UTF-8 text.",
            Self::NotJson => "The record's value is not one complete JSON document.",
            Self::NotAnObject => "The record's value is JSON, but not an object.",
            Self::DuplicateKey => "An object in the record names the same key twice.",
            Self::EnvelopeInvalid => {
                "A CloudEvents attribute (specversion, id, source, type, time, datacontenttype) \
                 is missing or malformed."
            }
            Self::SourceReserved => "This source is one of topup's own: nobody else may use it.",
            Self::UnknownType => "No record type of this name is known here.",
            Self::WrongTopic => "The record's type belongs on another topic.",
            Self::DataInvalid => {
                "The data has a missing, unknown or malformed field; see docs/CONTRACTS.md."
            }
            Self::AmountInvalid => {
                "An amount is not a plain decimal string such as \"100.00\", or is zero where it \
                 must not be."
            }
            Self::CurrencyUnknown => "A currency is not an upper-case ISO 4217 code.",
            Self::AmountScale => "An amount has more decimals than its currency.",
            Self::DateInvalid => {
                "A date or time does not exist, has no zone, or is out of range (2000 to 2100)."
            }
            Self::AdviceSumMismatch => "The lines of the remittance advice are not its amount.",
            Self::AdviceWithoutKey => {
                "The remittance advice has no payer's account and no reference that names one \
                 payment."
            }
            Self::NotAuthorised => "The sender may not send this record.",
            Self::IdInvalid => "An identifier is empty, too long or has a forbidden character.",
            Self::KeyMismatch => "The record's key differs from the account that its data names.",
        }
    }
}

impl fmt::Display for DecodeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_in_order_of_precedence() {
        assert!(DecodeCode::ALL.is_sorted());
        let names: BTreeSet<_> = DecodeCode::ALL.iter().map(|code| code.code()).collect();
        assert_eq!(names.len(), DecodeCode::ALL.len());
        for code in DecodeCode::ALL {
            let snake = code.code().bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase());
            assert!(snake || code == DecodeCode::NotUtf8, "{code}");
            assert!(code.message().ends_with('.'), "{code}");
        }
    }
}
