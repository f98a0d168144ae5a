//! Money: a decimal amount in one ISO 4217 currency.
//!
//! Amounts enter only through [`Money::parse`], whose grammar is stricter than that of any
//! decimal library: no sign, no exponent, no separator, no leading zero, at most forty bytes. Zeros
//! at the end of the decimals carry nothing: however many are written, the amount is the same.
//! At rest an amount is a whole number of *micros* (1e-6 of the major unit), see
//! `docs/decisions/0001-money-as-scaled-bigint.md`. Nothing here rounds; what does not fit is
//! an error.

use std::fmt;

use rust_decimal::Decimal;
use thiserror::Error;

/// Decimals that balances, lots and the ledger keep: a call costs less than a cent.
pub const SCALE_AT_REST: u32 = 6;
/// Twelve integer digits, a point and six decimals are nineteen bytes; the rest are zeros that a
/// producer of fixed scale adds at the end.
const AMOUNT_BYTES_MAX: usize = 40;
/// Twelve integer digits: 999,999,999,999 major units are 1e18 micros, an eighth of `i64::MAX`.
const INTEGER_DIGITS_MAX: usize = 12;
/// Eighteen digits, as ISO 20022 allows them: with six decimals an `i128` holds many of them.
const BALANCE_DIGITS_MAX: usize = 18;
/// The largest balance, nine million million major units: 9e18 micros still fit an `i64`.
pub const BALANCE_MAX_MICROS: i64 = 9_000_000_000_000_000_000;

/// Why an amount was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MoneyError {
    #[error("the amount is not a plain decimal number such as 100.00")]
    Malformed,
    #[error("the amount has more decimals than the currency allows")]
    ExcessDecimals,
    #[error("the currency is not an ISO 4217 code with a minor unit")]
    UnknownCurrency,
    #[error("the two amounts are in different currencies")]
    CurrencyMismatch,
    #[error("the amount is beyond the largest that can be kept")]
    Overflow,
}

/// An ISO 4217 currency that has a minor unit (so not `XXX`, not a precious metal).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency {
    code: [u8; 3],
    minor_units: u8,
}

impl Currency {
    /// Reads an upper-case three-letter code.
    ///
    /// # Errors
    /// [`MoneyError::UnknownCurrency`] for anything else, lower case included.
    pub fn parse(code: &str) -> Result<Self, MoneyError> {
        let bytes: [u8; 3] = code.as_bytes().try_into().map_err(|_| MoneyError::UnknownCurrency)?;
        let minor_units = match &bytes {
            // The codes that nearly every record carries skip the table.
            b"SGD" | b"USD" | b"EUR" | b"GBP" | b"MYR" => 2,
            _ => iso_currency::Currency::from_code(code)
                .and_then(iso_currency::Currency::exponent)
                .and_then(|exponent| u8::try_from(exponent).ok())
                .ok_or(MoneyError::UnknownCurrency)?,
        };
        Ok(Self { code: bytes, minor_units })
    }

    pub fn code(&self) -> &str {
        // The constructor only stores what was a `&str`.
        std::str::from_utf8(&self.code).unwrap_or("???")
    }

    /// Decimals of the minor unit: SGD 2, JPY 0, KWD 3.
    pub fn minor_units(self) -> u32 {
        u32::from(self.minor_units)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A non-negative amount as a record gave it, before its currency is known (a command that
/// allocates names no currency: the payment has one).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Amount {
    micros: i64,
    decimals: u32,
}

impl Amount {
    /// Reads `^(0|[1-9][0-9]{0,11})(\.[0-9]{1,6}0*)?$`, at most forty bytes. Zeros at the end
    /// are no decimals: `2900.00` has none, `29.2900` two.
    ///
    /// # Errors
    /// [`MoneyError::Malformed`] for any other text.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        let (micros, decimals) = read(text, INTEGER_DIGITS_MAX)?;
        let micros = i64::try_from(micros).map_err(|_| MoneyError::Malformed)?;
        Ok(Self { micros, decimals })
    }

    /// The amount in `currency`, which must have at least as many decimals as were written.
    ///
    /// # Errors
    /// [`MoneyError::ExcessDecimals`]; nothing is ever rounded.
    pub fn in_currency(self, currency: Currency) -> Result<Money, MoneyError> {
        if self.decimals > currency.minor_units() {
            return Err(MoneyError::ExcessDecimals);
        }
        Ok(Money::from_micros(self.micros, currency))
    }

    /// The amount with all its decimals, for usage: balances, lots and ledger keep six.
    pub fn with_all_decimals(self, currency: Currency) -> Money {
        Money::from_micros(self.micros, currency)
    }

    pub fn is_zero(self) -> bool {
        self.micros == 0
    }
}

/// Micros and decimals of a plain number with at most so many digits before the point.
fn read(text: &str, integer_digits_max: usize) -> Result<(i128, u32), MoneyError> {
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > AMOUNT_BYTES_MAX {
        return Err(MoneyError::Malformed);
    }
    let (integer, fraction) = match bytes.iter().position(|byte| *byte == b'.') {
        Some(point) => (&bytes[..point], Some(&bytes[point.saturating_add(1)..])),
        None => (bytes, None),
    };
    let leading_zero = integer.len() > 1 && integer.first() == Some(&b'0');
    if integer.is_empty() || integer.len() > integer_digits_max || leading_zero {
        return Err(MoneyError::Malformed);
    }
    let fraction = match fraction {
        Some([]) => return Err(MoneyError::Malformed),
        Some(digits) => without_end_zeros(digits),
        None => &[],
    };
    let decimals = u32::try_from(fraction.len()).map_err(|_| MoneyError::Malformed)?;
    if decimals > SCALE_AT_REST {
        return Err(MoneyError::Malformed);
    }
    let mut value: i128 = 0;
    for digit in integer.iter().chain(fraction) {
        if !digit.is_ascii_digit() {
            return Err(MoneyError::Malformed);
        }
        value = value
            .checked_mul(10)
            .and_then(|value| value.checked_add(i128::from(digit - b'0')))
            .ok_or(MoneyError::Malformed)?;
    }
    let factor = 10_i128.pow(SCALE_AT_REST - decimals);
    let micros = value.checked_mul(factor).ok_or(MoneyError::Malformed)?;
    Ok((micros, decimals))
}

/// What a bank says that an account of ours holds. It is compared and never moved, and may be
/// larger than an amount: in IDR an ordinary balance has thirteen digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BankBalance {
    micros: i128,
    currency: Currency,
}

impl BankBalance {
    /// Reads a plain number that may have a minus in front and has at most eighteen digits before
    /// the point. Zero has no sign, however it is written.
    ///
    /// # Errors
    /// [`MoneyError::Malformed`], [`MoneyError::ExcessDecimals`].
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let digits = text.strip_prefix('-');
        let (micros, decimals) = read(digits.unwrap_or(text), BALANCE_DIGITS_MAX)?;
        if decimals > currency.minor_units() {
            return Err(MoneyError::ExcessDecimals);
        }
        let micros = if digits.is_some() { -micros } else { micros };
        Ok(Self { micros, currency })
    }

    /// From micros, as it is at rest.
    pub fn from_micros(micros: i128, currency: Currency) -> Self {
        Self { micros, currency }
    }

    pub fn micros(self) -> i128 {
        self.micros
    }

    /// The bare number with at least the currency's minor units.
    pub fn number(self) -> String {
        wide_number(self.micros, self.currency.minor_units())
    }
}

/// Micros of any size as a bare number with at least so many decimals.
pub fn wide_number(micros: i128, decimals_min: u32) -> String {
    const MICRO: u128 = 1_000_000;
    let (whole, rest) = (micros.unsigned_abs() / MICRO, micros.unsigned_abs() % MICRO);
    let sign = if micros < 0 { "-" } else { "" };
    let all = format!("{rest:06}");
    let least = usize::try_from(decimals_min).unwrap_or_default().min(all.len());
    let kept = without_end_zeros(all.as_bytes()).len().max(least);
    match all.get(..kept) {
        Some(decimals) if kept > 0 => format!("{sign}{whole}.{decimals}"),
        _ => format!("{sign}{whole}"),
    }
}

/// The digits up to the last that is no zero.
fn without_end_zeros(mut digits: &[u8]) -> &[u8] {
    while let [rest @ .., b'0'] = digits {
        digits = rest;
    }
    digits
}

/// An amount of money: a decimal with at most six decimals, and its currency.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    amount: Decimal,
    currency: Currency,
}

impl Money {
    pub fn zero(currency: Currency) -> Self {
        Self { amount: Decimal::ZERO, currency }
    }

    /// Reads an amount of at most the currency's minor units (SGD 2 decimals).
    ///
    /// # Errors
    /// [`MoneyError::Malformed`], [`MoneyError::ExcessDecimals`].
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        Amount::parse(text)?.in_currency(currency)
    }

    /// From micros, 1e-6 of the currency's major unit.
    pub fn from_micros(micros: i64, currency: Currency) -> Self {
        Self { amount: Decimal::new(micros, SCALE_AT_REST), currency }
    }

    /// In micros, 1e-6 of the currency's major unit.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] beyond ±9.2e12 major units.
    pub fn to_micros(self) -> Result<i64, MoneyError> {
        // The scale is at most six by construction, so rescaling up is exact.
        let mut scaled = self.amount;
        scaled.rescale(SCALE_AT_REST);
        i64::try_from(scaled.mantissa()).map_err(|_| MoneyError::Overflow)
    }

    pub fn currency(self) -> Currency {
        self.currency
    }

    /// The currency's code, borrowed.
    pub fn code(&self) -> &str {
        self.currency.code()
    }

    pub fn amount(self) -> Decimal {
        self.amount
    }

    pub fn is_zero(self) -> bool {
        self.amount.is_zero()
    }

    pub fn is_positive(self) -> bool {
        self.amount.is_sign_positive() && !self.amount.is_zero()
    }

    pub fn is_negative(self) -> bool {
        self.amount.is_sign_negative() && !self.amount.is_zero()
    }

    /// Compares two amounts of one currency.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`].
    pub fn compare(self, other: Self) -> Result<std::cmp::Ordering, MoneyError> {
        self.same_currency(other)?;
        Ok(self.amount.cmp(&other.amount))
    }

    /// # Errors
    /// [`MoneyError::CurrencyMismatch`], [`MoneyError::Overflow`].
    #[expect(clippy::should_implement_trait, reason = "it is checked and returns a Result")]
    pub fn add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        self.bounded(self.amount.checked_add(other.amount))
    }

    /// # Errors
    /// [`MoneyError::CurrencyMismatch`], [`MoneyError::Overflow`].
    #[expect(clippy::should_implement_trait, reason = "it is checked and returns a Result")]
    pub fn sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        self.bounded(self.amount.checked_sub(other.amount))
    }

    /// # Errors
    /// [`MoneyError::CurrencyMismatch`].
    pub fn min(self, other: Self) -> Result<Self, MoneyError> {
        Ok(if self.compare(other)?.is_gt() { other } else { self })
    }

    /// Without what is less than a minor unit of the currency, towards zero.
    ///
    /// # Errors
    /// None at present: the result is never larger than the amount.
    pub fn whole_minor_units(self) -> Result<Self, MoneyError> {
        self.bounded(Some(self.amount.trunc_with_scale(self.currency.minor_units())))
    }

    pub fn negated(self) -> Self {
        Self { amount: -self.amount, currency: self.currency }
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency { Ok(()) } else { Err(MoneyError::CurrencyMismatch) }
    }

    fn bounded(self, amount: Option<Decimal>) -> Result<Self, MoneyError> {
        let result = Self { amount: amount.ok_or(MoneyError::Overflow)?, currency: self.currency };
        // Decimal addition may silently drop digits near its own limit; ours is far below it.
        if result.to_micros()?.unsigned_abs() > BALANCE_MAX_MICROS.unsigned_abs() {
            return Err(MoneyError::Overflow);
        }
        Ok(result)
    }

    /// The bare number with at least the currency's minor units: `100.00`, `0.004`.
    pub fn number(self) -> String {
        let mut amount = self.amount.normalize();
        if amount.scale() < self.currency.minor_units() {
            amount.rescale(self.currency.minor_units());
        }
        amount.to_string()
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number(), self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sgd() -> Currency {
        Currency::parse("SGD").expect("SGD")
    }

    /// A bank may state any balance of eighteen digits before the point, and not one more.
    #[test]
    fn a_banks_balance_is_wider_than_an_amount() {
        let rupiah = Currency::parse("IDR").expect("IDR");
        let parse = |text: &str| BankBalance::parse(text, rupiah);
        for (text, number) in [
            ("9500000000000", "9500000000000.00"),
            ("-9500000000000.10", "-9500000000000.10"),
            ("999999999999999999.99", "999999999999999999.99"),
            ("-999999999999999999.990", "-999999999999999999.99"),
            ("0", "0.00"),
            ("-0.00", "0.00"),
            ("-0.05", "-0.05"),
        ] {
            let read = parse(text).expect(text);
            assert_eq!(read.number(), number);
            assert_eq!(BankBalance::from_micros(read.micros(), rupiah), read);
        }
        for text in ["1000000000000000000", "--1", "-", "+1", "", "01", "1.", "1e3"] {
            assert_eq!(parse(text), Err(MoneyError::Malformed), "{text}");
        }
        assert_eq!(parse("1.001"), Err(MoneyError::ExcessDecimals));
        // What an amount can be reads the same by both.
        for text in ["0.1", "12", "999999999999.99", "100.00"] {
            let amount = Money::parse(text, sgd()).expect("an amount").number();
            assert_eq!(BankBalance::parse(text, sgd()).expect("a balance").number(), amount);
        }
        let yen = Currency::parse("JPY").expect("JPY");
        assert_eq!(BankBalance::parse("-12", yen).expect("yen").number(), "-12");
    }

    #[test]
    fn the_grammar_takes_plain_decimals_only() {
        for good in ["0", "1", "100", "100.5", "100.50", "999999999999.99", "0.01"] {
            assert!(Money::parse(good, sgd()).is_ok(), "{good}");
        }
        let long = "9".repeat(10_000);
        let bad = [
            "",
            " 1",
            "1 ",
            "+1",
            "-1",
            "-0",
            "1e3",
            "1_000",
            "1,000.00",
            ".5",
            "1.",
            "007",
            "00",
            "NaN",
            "Infinity",
            "١٠٠",
            "1\u{200b}00",
            "100.00\u{a0}",
            "0x10",
            "1000000000000",
            "100.00 SGD",
            "-",
            long.as_str(),
        ];
        for bad in bad {
            assert_eq!(Money::parse(bad, sgd()), Err(MoneyError::Malformed), "{bad}");
        }
        assert_eq!(Money::parse("100.005", sgd()), Err(MoneyError::ExcessDecimals));
    }

    #[test]
    fn minor_units_follow_the_currency() {
        let cases = [("JPY", "1000", true), ("JPY", "1000.5", false), ("KWD", "1.234", true)];
        for (code, text, accepted) in cases {
            let currency = Currency::parse(code).expect("known");
            assert_eq!(Money::parse(text, currency).is_ok(), accepted, "{code} {text}");
        }
        for unknown in ["XXX", "XAU", "sgd", "SG", "SGDD", "ABC", ""] {
            assert_eq!(Currency::parse(unknown), Err(MoneyError::UnknownCurrency), "{unknown}");
        }
    }

    #[test]
    fn amounts_print_as_they_are_written() {
        assert_eq!(Money::parse("100.5", sgd()).expect("good").to_string(), "100.50 SGD");
        assert_eq!(Money::from_micros(4_000, sgd()).number(), "0.004");
        assert_eq!(Money::from_micros(-1_500_000, sgd()).number(), "-1.50");
    }

    #[test]
    fn arithmetic_is_checked() {
        let large = Money::from_micros(BALANCE_MAX_MICROS, sgd());
        let cent = Money::from_micros(10_000, sgd());
        assert_eq!(large.add(cent), Err(MoneyError::Overflow));
        let yen = Money::zero(Currency::parse("JPY").expect("JPY"));
        assert_eq!(cent.add(yen), Err(MoneyError::CurrencyMismatch));
        assert_eq!(cent.sub(cent).map(Money::is_zero), Ok(true));
        assert_eq!(cent.sub(large).and_then(|m| m.to_micros()), Ok(10_000 - BALANCE_MAX_MICROS));
    }
}
