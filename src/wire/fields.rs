//! Reads the fields of one `data` object by name: checks each, notes the worst fault, and writes
//! what it accepts into the canonical form, so that no field can be read and left out of the hash.
//! What nobody has read at the end is refused.

use std::borrow::Cow;
use std::fmt;
use std::mem::replace;
use std::ops::RangeInclusive;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::canonical::Canonical;
use super::code::DecodeCode;
use super::kept;
use super::strict::{MapOnly, Pair, null_in, pairs, string_of};
use super::values::{account_number, calendar_date, instant_of, is_label, masked_number, shortest};
use crate::domain::ids::{ContentHash, MalformedId};
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

/// The place of a field. The name is its path within `data` and its tag in the canonical form; the
/// object at hand has it under the last word. The index of a list's item stands where the name has
/// `[]`, else behind it.
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
    pub(super) const fn item(self, index: usize) -> Self {
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

type List<'a> = Vec<&'a RawValue>;

/// The reader of one `data` object.
///
/// Each method returns `None` for what is absent or faulty, so that every field is looked at
/// before the reason is chosen. A required field that is absent is a fault. Readers must come to
/// each name that they know, whatever the others hold: what is left unread is refused as unknown.
pub(super) struct Fields<'a> {
    canonical: Canonical,
    fault: Option<Fault>,
    /// The JSON that is read, and the first byte behind which its structure is wrong.
    text: &'a str,
    wrong: Option<usize>,
    /// What is not read yet of the object at hand.
    left: Vec<Pair<'a>>,
    /// The item at hand of the outermost list.
    item: Option<usize>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(kind: &'static str) -> Self {
        let canonical = Canonical::new(kind);
        Self { canonical, fault: None, text: "", wrong: None, left: Vec::new(), item: None }
    }

    /// The hash of what was read, or the fault of highest precedence (the earliest of those).
    pub(super) fn finish(self) -> Result<ContentHash, Fault> {
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(self.canonical.hash()),
        }
    }

    pub(super) fn refuse(&mut self, code: DecodeCode, at: At, expected: &str) {
        let at = At { index: at.index.or(self.item), ..at };
        self.note(code, || format!("{at}: expected {expected}"));
    }

    pub(super) fn note(&mut self, code: DecodeCode, detail: impl FnOnce() -> String) {
        if self.fault.as_ref().is_none_or(|earlier| code < earlier.code) {
            self.fault = Some(Fault { code, detail: detail() });
        }
    }

    /// Reads the record's data: an object without null.
    pub(super) fn data<T>(
        &mut self,
        data: &'a str,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        if let Some(name) = Some(data).filter(|data| is_object(data)).and_then(null_in) {
            // What is not known is left out: null is another JSON type than any field's.
            self.note(DecodeCode::DataInvalid, || {
                format!("data{name}: expected a value, not null; leave the field out instead")
            });
            return None;
        }
        self.document(data, read)
    }

    /// Reads `text`, which must be an object with no unknown field and no field of another JSON
    /// type: where its structure is wrong, nothing else is said of it.
    pub(super) fn document<T>(
        &mut self,
        text: &'a str,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        if !is_object(text) {
            self.note(DecodeCode::DataInvalid, || "data: expected an object".to_owned());
            return None;
        }
        let outer = (replace(&mut self.text, text), self.wrong.take(), self.fault.take());
        let value = self.within(text, read).flatten();
        let (wrong, fault) = (self.wrong, self.fault.take());
        (self.text, self.wrong, self.fault) = outer;
        if let Some(place) = wrong {
            // Serde's own message quotes the record, which may name people and accounts.
            let before = text.get(..place).unwrap_or(text);
            let line = before.matches('\n').count().saturating_add(1);
            let column = before.rsplit('\n').next().map_or(0, str::len);
            self.note(DecodeCode::DataInvalid, || {
                format!(
                    "data: an unknown field, or another JSON type than expected, at line {line} \
                     column {column} of data"
                )
            });
            return None;
        }
        if let Some(Fault { code, detail }) = fault {
            self.note(code, || detail);
        }
        value
    }

    /// Reads the fields of one object, all of which must be known.
    fn within<T>(&mut self, object: &'a str, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let pairs = self.pairs(object)?;
        let outer = replace(&mut self.left, pairs);
        let value = read(self);
        for unknown in replace(&mut self.left, outer) {
            if unknown.name.is_some() {
                let before = self.text.get(..self.place_of(unknown.value)).unwrap_or_default();
                self.wrong_at(before.rfind(':').unwrap_or_default());
            } else {
                self.parsed::<String>(unknown.key);
            }
        }
        Some(value)
    }

    /// Reads an object within the one at hand, if it is there.
    pub(super) fn object<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self) -> T,
    ) -> Option<T> {
        let object = self.raw(maybe(name))?;
        self.within(object, read)
    }

    /// Reads each object of a list.
    pub(super) fn each<T>(
        &mut self,
        objects: List<'a>,
        mut read: impl FnMut(&mut Self) -> Option<T>,
    ) -> Vec<T> {
        let outer = self.item;
        let mut items = Vec::with_capacity(objects.len());
        for (index, object) in objects.into_iter().enumerate() {
            self.item = outer.or(Some(index));
            items.extend(self.within(object.get(), &mut read).flatten());
        }
        self.item = outer;
        items
    }

    fn pairs(&mut self, object: &'a str) -> Option<Vec<Pair<'a>>> {
        let pairs = pairs(object);
        if pairs.is_none() {
            self.parsed::<MapOnly<IgnoredAny>>(object);
        }
        pairs
    }

    /// Reads JSON as another type than text; where it is of another, that is noted.
    fn parsed<T: Deserialize<'a>>(&mut self, json: &'a str) -> Option<T> {
        let read = serde_json::from_str(json);
        read.map_err(|error| self.wrong_at(self.place_of(json).saturating_add(error.column()))).ok()
    }

    /// Where a part of the text stands in it.
    fn place_of(&self, part: &str) -> usize {
        part.as_ptr().addr().saturating_sub(self.text.as_ptr().addr())
    }

    fn wrong_at(&mut self, place: usize) {
        self.wrong = Some(self.wrong.map_or(place, |first| first.min(place)));
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.left.iter().any(|pair| pair.name.as_deref() == Some(name))
    }

    /// The field as it stands, which nobody reads again.
    fn raw(&mut self, at: At) -> Option<&'a str> {
        let name = at.name.rsplit_once('.').map_or(at.name, |(_, last)| last);
        let place = self.left.iter().position(|pair| pair.name.as_deref() == Some(name));
        if place.is_none() && at.required {
            self.refuse(DecodeCode::DataInvalid, at, "a value, the field is required");
        }
        // In order: most records have their fields as the contract lists them.
        Some(self.left.remove(place?).value)
    }

    fn string(&mut self, json: &'a str) -> Option<Cow<'a, str>> {
        string_of(json).or_else(|| self.parsed::<String>(json).map(Cow::Owned))
    }

    pub(super) fn text(&mut self, at: At) -> Option<Cow<'a, str>> {
        let json = self.raw(at)?;
        self.string(json)
    }

    /// What a list holds, whatever that is.
    pub(super) fn list(&mut self, at: At) -> Option<List<'a>> {
        let json = self.raw(at)?;
        self.parsed(json)
    }

    fn texts(&mut self, at: At) -> Option<Vec<Cow<'a, str>>> {
        let list = self.list(at)?;
        Some(list.into_iter().filter_map(|json| self.string(json.get())).collect())
    }

    /// What an object has by currency, sorted by it: the order of an object's keys means nothing.
    pub(super) fn by_currency(&mut self, at: At) -> Option<Vec<(Cow<'a, str>, &'a str)>> {
        let json = self.raw(at)?;
        let pairs = self.pairs(json)?;
        let mut named = Vec::with_capacity(pairs.len());
        for pair in pairs {
            named.extend(self.string(pair.key).map(|name| (name, pair.value)));
        }
        named.sort();
        Some(named)
    }

    /// The same, where each has a list.
    pub(super) fn lists_by_currency(&mut self, at: At) -> Option<Vec<(Cow<'a, str>, List<'a>)>> {
        let named = self.by_currency(at)?;
        Some(
            named.into_iter().filter_map(|(name, list)| Some((name, self.parsed(list)?))).collect(),
        )
    }

    /// Accepts `text` if `good`, and writes it into the canonical form as it stands.
    fn accept(
        &mut self,
        at: At,
        good: impl FnOnce(&str) -> bool,
        expected: &str,
    ) -> Option<String> {
        let text = self.text(at)?;
        if !good(&text) {
            self.refuse(DecodeCode::DataInvalid, at, expected);
            return None;
        }
        self.put(at, &text);
        Some(text.into_owned())
    }

    pub(super) fn id<T>(&mut self, at: At, parse: fn(&str) -> Result<T, MalformedId>) -> Option<T> {
        self.id_of(at, parse, "1 to 64 of A-Z a-z 0-9 . _ : -")
    }

    /// An id that a rating or charging system gave: visible ASCII.
    pub(super) fn producer_id<T>(
        &mut self,
        at: At,
        parse: fn(&str) -> Result<T, MalformedId>,
    ) -> Option<T> {
        self.id_of(at, parse, "1 to 128 visible ASCII characters")
    }

    fn id_of<T>(
        &mut self,
        at: At,
        parse: fn(&str) -> Result<T, MalformedId>,
        expected: &str,
    ) -> Option<T> {
        let text = self.text(at)?;
        let Ok(id) = parse(&text) else {
            self.refuse(DecodeCode::IdInvalid, at, expected);
            return None;
        };
        self.put(at, &text);
        Some(id)
    }

    /// A name that a bank gave: one that is too long keeps its beginning, and the mark tells it
    /// from others. Fields of fixed width are filled up with blanks: they are no part of it.
    pub(super) fn bank_identifier(&mut self, at: At) -> Option<String> {
        let text = self.text(at)?;
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
        self.put(at, &text);
        Some(name.unwrap_or(text))
    }

    /// The id that a bank gave to a transaction; a word for none is none.
    pub(super) fn bank_id(&mut self, at: At) -> Option<String> {
        self.bank_identifier(at).filter(|id| !weak::is_no_id(id))
    }

    /// What payers and other banks wrote where a name of theirs belongs: anything; an empty one
    /// says nothing.
    pub(super) fn fact_name(&mut self, at: At) -> Option<String> {
        let said = self.text(at).filter(|text| !text.is_empty());
        self.fact(at, said, BANK_IDENTIFIER_BYTES_MAX)
    }

    /// Text that people read and that names something: never blank.
    pub(super) fn name(&mut self, at: At) -> Option<String> {
        let good = |text: &str| is_label(text) && !text.trim().is_empty();
        self.accept(at, good, "1 to 200 characters, none a control or direction character")
    }

    /// Text that people read: a reason, a remark.
    pub(super) fn label(&mut self, at: At) -> Option<String> {
        self.accept(at, is_label, "at most 200 characters, none a control or direction character")
    }

    /// Text that is part of a fact: anything, within a length in bytes.
    pub(super) fn free_text(&mut self, at: At, max: usize) -> Option<String> {
        self.accept(at, |text| text.len() <= max, &format!("at most {max} bytes"))
    }

    /// The same, but what is longer is cut and marked: a fact is not refused for its length.
    pub(super) fn fact_text(&mut self, at: At, max: usize) -> Option<String> {
        let text = self.text(at);
        self.fact(at, text, max)
    }

    fn fact(&mut self, at: At, text: Option<Cow<'_, str>>, max: usize) -> Option<String> {
        let text = kept::text(text?, max);
        self.put(at, &text);
        Some(text)
    }

    /// Lines of a fact, cut and marked beyond `max` lines and bytes.
    pub(super) fn fact_lines(&mut self, at: At, max: (usize, usize)) -> Vec<String> {
        let kept = kept::lines(self.texts(at).unwrap_or_default(), max.0, max.1);
        for line in &kept {
            self.put(at, line);
        }
        kept
    }

    /// Account numbers as keys: letters and digits, upper case; each once.
    pub(super) fn account_numbers(&mut self, at: At, max: usize) -> Option<Vec<String>> {
        let list = self.texts(at)?;
        if list.len() > max {
            self.refuse(DecodeCode::DataInvalid, at, &format!("at most {max} items"));
            return None;
        }
        let mut numbers: Vec<String> = Vec::with_capacity(list.len());
        for (index, text) in list.iter().enumerate() {
            match account_number(text).or_else(|| masked_number(text)) {
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
            self.put(at, number);
        }
        Some(numbers)
    }

    /// Writes what was read elsewhere.
    pub(super) fn put(&mut self, at: At, text: &str) {
        self.canonical.put(at.name, text.as_bytes());
    }

    /// Writes the length of a list in front of its items.
    pub(super) fn count_of(&mut self, at: At, count: usize) {
        self.put(at, &count.to_string());
    }

    pub(super) fn choice<T: Copy>(&mut self, at: At, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(at)?;
        let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) else {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.refuse(DecodeCode::DataInvalid, at, &names.join(" or "));
            return None;
        };
        self.put(at, &text);
        Some(*value)
    }

    /// A time zone of the IANA database.
    pub(super) fn time_zone(&mut self, at: At) -> Option<String> {
        let name = self.label(at)?;
        if name.parse::<chrono_tz::Tz>().is_err() {
            self.refuse(DecodeCode::DataInvalid, at, "a time zone such as Asia/Singapore");
            return None;
        }
        Some(name)
    }

    /// Absent is the same as false.
    pub(super) fn flag(&mut self, at: At) -> bool {
        let value = self.raw(at).and_then(|json| self.parsed(json)).unwrap_or(false);
        if value {
            self.put(at, "true");
        }
        value
    }

    /// A whole number, written in digits only.
    pub(super) fn integer(&mut self, at: At, range: RangeInclusive<u32>) -> Option<u32> {
        let json = self.raw(at)?;
        let digits = json.bytes().all(|byte| byte.is_ascii_digit());
        let Some(value) = json.parse().ok().filter(|value| digits && range.contains(value)) else {
            let (least, most) = (range.start(), range.end());
            let expected = format!("a whole number from {least} to {most}");
            self.refuse(DecodeCode::DataInvalid, at, &expected);
            return None;
        };
        self.put(at, json);
        Some(value)
    }

    /// A non-negative amount whose currency is not known here.
    pub(super) fn amount(&mut self, at: At, zero: Zero) -> Option<Amount> {
        let json = self.raw(at)?;
        self.amount_of(at, json, zero)
    }

    fn amount_of(&mut self, at: At, json: &str, zero: Zero) -> Option<Amount> {
        let text = string_of(json);
        let amount = text.as_deref().and_then(|text| Amount::parse(text).ok());
        let (Some(text), Some(amount)) = (text, amount) else {
            self.refuse(DecodeCode::AmountInvalid, at, AMOUNT);
            return None;
        };
        if amount.is_zero() && zero == Zero::Refused {
            self.refuse(DecodeCode::AmountInvalid, at, "an amount greater than zero");
            return None;
        }
        self.put(at, shortest(&text));
        Some(amount)
    }

    /// An amount with at most the currency's minor units. Without a currency (absent or unknown,
    /// which is a fault of its own) only the grammar is checked.
    pub(super) fn money(&mut self, at: At, of: Option<Currency>, zero: Zero) -> Option<Money> {
        let json = self.raw(at)?;
        self.money_of(at, json, of, zero)
    }

    /// The same, of what was read from a list or by its currency.
    pub(super) fn money_of(
        &mut self,
        at: At,
        json: &str,
        currency: Option<Currency>,
        zero: Zero,
    ) -> Option<Money> {
        let amount = self.amount_of(at, json, zero)?;
        // Nothing is nothing, however many digits say so.
        match currency? {
            currency if amount.is_zero() => Some(Money::zero(currency)),
            currency => {
                let money = amount.in_currency(currency);
                money.map_err(|error| self.refuse_number(at, error, AMOUNT)).ok()
            }
        }
    }

    /// An amount of usage: up to six decimals in any currency. Zero is a free or failed call.
    pub(super) fn usage_amount(&mut self, at: At, currency: Option<Currency>) -> Option<Money> {
        Some(self.amount(at, Zero::Allowed)?.with_all_decimals(currency?))
    }

    /// A balance as a bank states it: it may be negative, and larger than an amount.
    pub(super) fn bank_balance(&mut self, at: At, of: Option<Currency>) -> Option<BankBalance> {
        let text = string_of(self.raw(at)?).unwrap_or_default();
        let balance = BankBalance::parse(&text, of?);
        let balance = balance.map_err(|error| self.refuse_number(at, error, BALANCE)).ok()?;
        self.put(at, &balance.number());
        Some(balance)
    }

    fn refuse_number(&mut self, at: At, error: MoneyError, expected: &str) {
        match error {
            MoneyError::ExcessDecimals => {
                let expected = "no more decimals than the currency has";
                self.refuse(DecodeCode::AmountScale, at, expected);
            }
            MoneyError::Malformed
            | MoneyError::UnknownCurrency
            | MoneyError::CurrencyMismatch
            | MoneyError::Overflow => self.refuse(DecodeCode::AmountInvalid, at, expected),
        }
    }

    pub(super) fn currency(&mut self, at: At) -> Option<Currency> {
        let text = self.text(at)?;
        self.currency_of(at, &text)
    }

    /// The same, of the name that something has in an object by currency.
    pub(super) fn currency_of(&mut self, at: At, text: &str) -> Option<Currency> {
        let Ok(currency) = Currency::parse(text) else {
            self.refuse(DecodeCode::CurrencyUnknown, at, "an upper-case ISO 4217 code");
            return None;
        };
        self.put(at, text);
        Some(currency)
    }

    pub(super) fn date(&mut self, at: At) -> Option<NaiveDate> {
        let text = self.text(at)?;
        let Some(date) = calendar_date(&text) else {
            self.refuse(DecodeCode::DateInvalid, at, "a calendar date YYYY-MM-DD");
            return None;
        };
        self.put(at, &text);
        Some(date)
    }

    pub(super) fn instant(&mut self, at: At) -> Option<DateTime<Utc>> {
        let text = self.text(at)?;
        let Some(instant) = instant_of(&text) else {
            self.refuse(DecodeCode::DateInvalid, at, "RFC 3339 with a zone, year 2000 to 2100");
            return None;
        };
        self.put(at, &instant.timestamp_micros().to_string());
        Some(instant)
    }
}

fn is_object(json: &str) -> bool {
    json.trim_ascii_start().starts_with('{')
}
