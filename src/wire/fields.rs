//! Reads the fields of one `data` object: checks each, notes the worst fault, and writes what it
//! accepts into the canonical form, so that no field can be read and left out of the hash.

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::canonical::Canonical;
use super::code::DecodeCode;
use super::kept;
use super::strict::{MapOnly, Text, null_in, string_of};
use super::values::{account_number, calendar_date, instant_of, is_label, masked_number, shortest};
use crate::domain::ids::MalformedId;
use crate::domain::input::ContentHash;
use crate::domain::matching::weak;
use crate::domain::money::{Amount, BankBalance, Currency, Money, MoneyError};

/// The longest identifier that a bank gives.
const BANK_IDENTIFIER_BYTES_MAX: usize = 128;
/// What is kept before the mark of a longer one, so that keys of two names stay within their limit.
const BANK_NAME_BYTES_KEPT: usize = 32;

const BALANCE: &str = "a plain decimal string of at most eighteen digits before the point";
const AMOUNT: &str = "a plain decimal string such as \"100.00\"";

/// Why a record's data was refused. `detail` names the field and what was expected there, never
/// what was found.
#[derive(Debug)]
pub(super) struct Fault {
    pub code: DecodeCode,
    pub detail: String,
}

/// The place of a field. The name is its path within `data` and its tag in the canonical form.
/// The index of a list's item stands where the name has `[]`, else behind it.
#[derive(Clone, Copy)]
pub(super) struct At {
    name: &'static str,
    index: Option<usize>,
    required: bool,
}

pub(super) const fn need(name: &'static str) -> At {
    At { name, index: None, required: true }
}

pub(super) const fn maybe(name: &'static str) -> At {
    At { name, index: None, required: false }
}

impl At {
    pub const fn item(self, index: usize) -> Self {
        Self { index: Some(index), ..self }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (list, rest) = self.name.split_once("[]").unwrap_or((self.name, ""));
        match self.index {
            Some(index) => write!(f, "data.{list}[{index}]{rest}"),
            None => write!(f, "data.{list}{rest}"),
        }
    }
}

/// Whether an amount may be zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Zero {
    Allowed,
    Refused,
}

/// The reader of one `data` object.
///
/// Each method returns `None` for what is absent or faulty, so that every field is looked at
/// before the reason is chosen. A required field that is absent is a fault.
pub(super) struct Fields {
    canonical: Canonical,
    fault: Option<Fault>,
}

impl Fields {
    pub fn new(kind: &'static str) -> Self {
        Self { canonical: Canonical::new(kind), fault: None }
    }

    /// The hash of what was read, or the fault of highest precedence (the earliest of those).
    pub fn finish(self) -> Result<ContentHash, Fault> {
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(self.canonical.hash()),
        }
    }

    pub fn refuse(&mut self, code: DecodeCode, at: At, expected: &str) {
        self.note(code, || format!("{at}: expected {expected}"));
    }

    pub fn note(&mut self, code: DecodeCode, detail: impl FnOnce() -> String) {
        if self.fault.as_ref().is_none_or(|earlier| code < earlier.code) {
            self.fault = Some(Fault { code, detail: detail() });
        }
    }

    /// The strict structure: an object with no unknown field and no field of another JSON type.
    pub fn object<'a, T: Deserialize<'a>>(&mut self, data: &'a str) -> Option<T> {
        if !data.trim_ascii_start().starts_with('{') {
            self.note(DecodeCode::DataInvalid, || "data: expected an object".to_owned());
            return None;
        }
        if let Some(name) = null_in(data) {
            // What is not known is left out: null is another JSON type than any field's.
            self.note(DecodeCode::DataInvalid, || {
                format!("data{name}: expected a value, not null; leave the field out instead")
            });
            return None;
        }
        match serde_json::from_str::<MapOnly<T>>(data) {
            Ok(MapOnly(fields)) => Some(fields),
            Err(error) => {
                // Serde's own message quotes the record, which may name people and accounts.
                self.note(DecodeCode::DataInvalid, || {
                    format!(
                        "data: an unknown field, or another JSON type than expected, at line {} \
                         column {} of data",
                        error.line(),
                        error.column()
                    )
                });
                None
            }
        }
    }

    fn present<T>(&mut self, at: At, value: Option<T>) -> Option<T> {
        if value.is_none() && at.required {
            self.refuse(DecodeCode::DataInvalid, at, "a value, the field is required");
        }
        value
    }

    /// Accepts `text` if `good`, and writes it into the canonical form as it stands.
    fn accept(
        &mut self,
        at: At,
        text: Option<Text<'_>>,
        good: impl FnOnce(&str) -> bool,
        fault: (DecodeCode, &str),
    ) -> Option<String> {
        let text = self.present(at, text)?.0;
        if !good(&text) {
            self.refuse(fault.0, at, fault.1);
            return None;
        }
        self.canonical.put(at.name, text.as_bytes());
        Some(text.into_owned())
    }

    pub fn id<T>(
        &mut self,
        at: At,
        text: Option<Text<'_>>,
        parse: fn(&str) -> Result<T, MalformedId>,
    ) -> Option<T> {
        let text = self.present(at, text)?.0;
        let Ok(id) = parse(&text) else {
            self.refuse(DecodeCode::IdInvalid, at, "1 to 64 of A-Z a-z 0-9 . _ : -");
            return None;
        };
        self.canonical.put(at.name, text.as_bytes());
        Some(id)
    }

    /// An id that a rating or charging system gave: visible ASCII.
    pub fn producer_id<T>(
        &mut self,
        at: At,
        text: Option<Text<'_>>,
        parse: fn(&str) -> Result<T, MalformedId>,
    ) -> Option<T> {
        let text = self.present(at, text)?.0;
        let Ok(id) = parse(&text) else {
            self.refuse(DecodeCode::IdInvalid, at, "1 to 128 visible ASCII characters");
            return None;
        };
        self.canonical.put(at.name, text.as_bytes());
        Some(id)
    }

    /// A name that a bank gave: one that is too long keeps its beginning, and the mark tells it
    /// from others. Fields of fixed width are filled up with blanks: they are no part of it.
    pub fn bank_identifier(&mut self, at: At, text: Option<Text<'_>>) -> Option<String> {
        let text = self.present(at, text)?.0;
        if text.is_empty() || text.chars().any(char::is_control) {
            self.refuse(DecodeCode::IdInvalid, at, "1 character or more, no control character");
            return None;
        }
        let short = |name: &str| name.len() <= BANK_IDENTIFIER_BYTES_MAX;
        let trimmed = Some(text.trim()).filter(|name| !name.is_empty() && name.len() < text.len());
        let name = trimmed.map(|name| {
            let name = Cow::Borrowed(name);
            if short(&name) { name.into_owned() } else { kept::text(name, BANK_NAME_BYTES_KEPT) }
        });
        let text =
            if short(&text) { text.into_owned() } else { kept::text(text, BANK_NAME_BYTES_KEPT) };
        self.canonical.put(at.name, text.as_bytes());
        Some(name.unwrap_or(text))
    }

    /// The id that a bank gave to a transaction; a word for none is none.
    pub fn bank_id(&mut self, at: At, text: Option<Text<'_>>) -> Option<String> {
        self.bank_identifier(at, text).filter(|id| !weak::is_no_id(id))
    }

    /// What payers and other banks wrote where a name of theirs belongs: anything; an empty one
    /// says nothing.
    pub fn fact_name(&mut self, at: At, text: Option<Text<'_>>) -> Option<String> {
        let said = text.filter(|text| !text.0.is_empty());
        self.fact_text(at, said, BANK_IDENTIFIER_BYTES_MAX)
    }

    /// Text that people read and that names something: never blank.
    pub fn name(&mut self, at: At, text: Option<Text<'_>>) -> Option<String> {
        let good = |text: &str| is_label(text) && !text.trim().is_empty();
        let expected = "1 to 200 characters, none a control or direction character";
        self.accept(at, text, good, (DecodeCode::DataInvalid, expected))
    }

    /// Text that people read: a reason, a remark.
    pub fn label(&mut self, at: At, text: Option<Text<'_>>) -> Option<String> {
        let expected = "at most 200 characters, none a control or direction character";
        self.accept(at, text, is_label, (DecodeCode::DataInvalid, expected))
    }

    /// Text that is part of a fact: anything, within a length in bytes.
    pub fn free_text(&mut self, at: At, text: Option<Text<'_>>, max: usize) -> Option<String> {
        let text = self.present(at, text)?.0;
        if text.len() > max {
            self.note(DecodeCode::DataInvalid, || format!("{at}: expected at most {max} bytes"));
            return None;
        }
        self.canonical.put(at.name, text.as_bytes());
        Some(text.into_owned())
    }

    /// The same, but what is longer is cut and marked: a fact is not refused for its length.
    pub fn fact_text(&mut self, at: At, text: Option<Text<'_>>, max: usize) -> Option<String> {
        let text = kept::text(self.present(at, text)?.0, max);
        self.canonical.put(at.name, text.as_bytes());
        Some(text)
    }

    /// Lines of a fact, cut and marked beyond `max` lines and bytes.
    pub fn fact_lines(
        &mut self,
        at: At,
        lines: Option<Vec<Text<'_>>>,
        max: (usize, usize),
    ) -> Vec<String> {
        let lines = lines.unwrap_or_default().into_iter().map(|line| line.0).collect();
        let kept = kept::lines(lines, max.0, max.1);
        for line in &kept {
            self.canonical.put(at.name, line.as_bytes());
        }
        kept
    }

    /// Account numbers as keys: letters and digits, upper case; each once.
    pub fn account_numbers(
        &mut self,
        at: At,
        list: Option<Vec<Text<'_>>>,
        max: usize,
    ) -> Option<Vec<String>> {
        let list = self.present(at, list)?;
        if list.len() > max {
            self.note(DecodeCode::DataInvalid, || format!("{at}: expected at most {max} items"));
            return None;
        }
        let mut numbers: Vec<String> = Vec::with_capacity(list.len());
        for (index, text) in list.iter().enumerate() {
            match account_number(&text.0).or_else(|| masked_number(&text.0)) {
                Some(number) if numbers.contains(&number) => {}
                Some(number) => numbers.push(number),
                None => {
                    let expected = "1 to 64 ASCII letters and digits, beside spaces - . /";
                    self.refuse(DecodeCode::DataInvalid, at.item(index), expected);
                }
            }
        }
        // The count tells an empty list ("none any more") from an absent one ("as it was").
        self.count_of(at, numbers.len());
        for number in &numbers {
            self.canonical.put(at.name, number.as_bytes());
        }
        Some(numbers)
    }

    /// Writes what was read elsewhere.
    pub fn put(&mut self, at: At, text: &str) {
        self.canonical.put(at.name, text.as_bytes());
    }

    /// Writes the length of a list in front of its items.
    pub fn count_of(&mut self, at: At, count: usize) {
        self.canonical.put(at.name, count.to_string().as_bytes());
    }

    pub fn choice<T: Copy>(
        &mut self,
        at: At,
        text: Option<Text<'_>>,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let text = self.present(at, text)?.0;
        let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) else {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.refuse(DecodeCode::DataInvalid, at, &names.join(" or "));
            return None;
        };
        self.canonical.put(at.name, text.as_bytes());
        Some(*value)
    }

    /// A time zone of the IANA database.
    pub fn time_zone(&mut self, at: At, text: Option<Text<'_>>) -> Option<String> {
        let name = self.label(at, text)?;
        if name.parse::<chrono_tz::Tz>().is_err() {
            self.refuse(DecodeCode::DataInvalid, at, "a time zone such as Asia/Singapore");
            return None;
        }
        Some(name)
    }

    /// Absent is the same as false.
    pub fn flag(&mut self, at: At, value: Option<bool>) -> bool {
        let value = value.unwrap_or(false);
        if value {
            self.canonical.put(at.name, b"true");
        }
        value
    }

    /// A whole number, written in digits only.
    pub fn integer(
        &mut self,
        at: At,
        raw: Option<&RawValue>,
        range: RangeInclusive<u32>,
    ) -> Option<u32> {
        let raw = self.present(at, raw)?.get();
        let digits = raw.bytes().all(|byte| byte.is_ascii_digit());
        let Some(value) = raw.parse().ok().filter(|value| digits && range.contains(value)) else {
            self.note(DecodeCode::DataInvalid, || {
                let (least, most) = (range.start(), range.end());
                format!("{at}: expected a whole number from {least} to {most}")
            });
            return None;
        };
        self.canonical.put(at.name, raw.as_bytes());
        Some(value)
    }

    /// A non-negative amount whose currency is not known here.
    pub fn amount(&mut self, at: At, raw: Option<&RawValue>, zero: Zero) -> Option<Amount> {
        let raw = self.present(at, raw)?;
        let text = string_of(raw.get());
        let amount = text.as_deref().and_then(|text| Amount::parse(text).ok());
        let (Some(text), Some(amount)) = (text, amount) else {
            self.refuse(DecodeCode::AmountInvalid, at, AMOUNT);
            return None;
        };
        if amount.is_zero() && zero == Zero::Refused {
            self.refuse(DecodeCode::AmountInvalid, at, "an amount greater than zero");
            return None;
        }
        self.canonical.put(at.name, shortest(&text).as_bytes());
        Some(amount)
    }

    /// An amount with at most the currency's minor units. Without a currency (absent or unknown,
    /// which is a fault of its own) only the grammar is checked.
    pub fn money(
        &mut self,
        at: At,
        raw: Option<&RawValue>,
        currency: Option<Currency>,
        zero: Zero,
    ) -> Option<Money> {
        let amount = self.amount(at, raw, zero)?;
        // Nothing is nothing, however many digits say so.
        match currency? {
            currency if amount.is_zero() => Some(Money::zero(currency)),
            currency => self.in_currency(at, amount, currency),
        }
    }

    /// An amount of usage: up to six decimals in any currency. Zero is a free or failed call.
    pub fn usage_amount(
        &mut self,
        at: At,
        raw: Option<&RawValue>,
        currency: Option<Currency>,
    ) -> Option<Money> {
        let amount = self.amount(at, raw, Zero::Allowed)?;
        Some(amount.with_all_decimals(currency?))
    }

    /// A balance as a bank states it: it may be negative, and larger than an amount.
    pub fn bank_balance(
        &mut self,
        at: At,
        raw: Option<&RawValue>,
        currency: Option<Currency>,
    ) -> Option<BankBalance> {
        let raw = self.present(at, raw)?;
        let text = string_of(raw.get()).unwrap_or_default();
        match BankBalance::parse(&text, currency?) {
            Ok(balance) => {
                self.canonical.put(at.name, balance.number().as_bytes());
                Some(balance)
            }
            Err(MoneyError::ExcessDecimals) => self.refuse_scale(at),
            Err(
                MoneyError::Malformed
                | MoneyError::UnknownCurrency
                | MoneyError::CurrencyMismatch
                | MoneyError::Overflow,
            ) => {
                self.refuse(DecodeCode::AmountInvalid, at, BALANCE);
                None
            }
        }
    }

    fn refuse_scale<T>(&mut self, at: At) -> Option<T> {
        let expected = "no more decimals than the currency has";
        self.refuse(DecodeCode::AmountScale, at, expected);
        None
    }

    fn in_currency(&mut self, at: At, amount: Amount, currency: Currency) -> Option<Money> {
        match amount.in_currency(currency) {
            Ok(money) => Some(money),
            Err(MoneyError::ExcessDecimals) => self.refuse_scale(at),
            Err(
                MoneyError::Malformed
                | MoneyError::UnknownCurrency
                | MoneyError::CurrencyMismatch
                | MoneyError::Overflow,
            ) => {
                self.refuse(DecodeCode::AmountInvalid, at, AMOUNT);
                None
            }
        }
    }

    pub fn currency(&mut self, at: At, text: Option<Text<'_>>) -> Option<Currency> {
        let text = self.present(at, text)?.0;
        let Ok(currency) = Currency::parse(&text) else {
            self.refuse(DecodeCode::CurrencyUnknown, at, "an upper-case ISO 4217 code");
            return None;
        };
        self.canonical.put(at.name, text.as_bytes());
        Some(currency)
    }

    pub fn date(&mut self, at: At, text: Option<Text<'_>>) -> Option<NaiveDate> {
        let text = self.present(at, text)?.0;
        let Some(date) = calendar_date(&text) else {
            self.refuse(DecodeCode::DateInvalid, at, "a calendar date YYYY-MM-DD");
            return None;
        };
        self.canonical.put(at.name, text.as_bytes());
        Some(date)
    }

    pub fn instant(&mut self, at: At, text: Option<Text<'_>>) -> Option<DateTime<Utc>> {
        let text = self.present(at, text)?.0;
        let Some(instant) = instant_of(&text) else {
            self.refuse(DecodeCode::DateInvalid, at, "RFC 3339 with a zone, year 2000 to 2100");
            return None;
        };
        let micros = instant.timestamp_micros().to_string();
        self.canonical.put(at.name, micros.as_bytes());
        Some(instant)
    }
}
