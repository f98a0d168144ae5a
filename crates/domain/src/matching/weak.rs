//! Words that look like an identity and are nobody's: what banks and people write where nothing
//! was given, masked account numbers, numbers that everybody uses. One place for all of them.

use std::sync::LazyLock;

use foldhash::HashSet;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::matching::fold::normalise;
use crate::money::Currency;

/// Where nothing was given: for an account, a name or a reference alike. Folded: letters and
/// digits only, upper case.
const NOTHING: [&str; 95] = [
    "NOTPROVIDED",
    "NOTAVAILABLE",
    "NOTAPPLICABLE",
    "NOTKNOWN",
    "NOTSPECIFIED",
    "NOTGIVEN",
    "NOTSET",
    "NOTPRESENT",
    "NOTUSED",
    "NONREF",
    "NOREF",
    "NOREFERENCE",
    "NONE",
    "NONEGIVEN",
    "NOACCOUNT",
    "NOIBAN",
    "NONAME",
    "NO",
    "NOT",
    "NOTHING",
    "NA",
    "NV",
    "NIL",
    "NIHIL",
    "NULL",
    "NUL",
    "NAN",
    "UNDEFINED",
    "UNSPECIFIED",
    "UNKNOWN",
    "UNKNOWNPAYER",
    "UNKNOWNSENDER",
    "UNNAMED",
    "UNBEKANNT",
    "INCONNU",
    "DESCONOCIDO",
    "DESCONHECIDO",
    "SCONOSCIUTO",
    "ONBEKEND",
    "KEINE",
    "OHNE",
    "AUCUN",
    "NINGUNO",
    "ANONYMOUS",
    "ANON",
    "HIDDEN",
    "MASKED",
    "REDACTED",
    "PRIVATE",
    "CONFIDENTIAL",
    "WITHHELD",
    "EMPTY",
    "BLANK",
    "DEFAULT",
    "DUMMY",
    "PLACEHOLDER",
    "TBA",
    "TBD",
    "TEST",
    "TESTING",
    "EXAMPLE",
    "SAMPLE",
    "E2E",
    "ENDTOEND",
    "NICHTANGEGEBEN",
    "NICHTVORHANDEN",
    "NICHTVERFUGBAR",
    "NICHTVERFUEGBAR",
    "NICHTBEKANNT",
    "AUCUNE",
    "NONRENSEIGNE",
    "NONCOMMUNIQUE",
    "NONDISPONIBLE",
    "NONDISPONIBILE",
    "NODISPONIBLE",
    "NOCONSTA",
    "NOINFORMADO",
    "NAOINFORMADO",
    "NINGUNA",
    "NESSUNO",
    "NESSUNA",
    "SENZA",
    "GEEN",
    "ZONDER",
    "NIEZNANY",
    "BRAK",
    "UKJENT",
    "UKENDT",
    "OKAND",
    "TUNTEMATON",
    "NEZNAMY",
    "BILINMIYOR",
    "TIDAKADA",
    "TIDAKDIKETAHUI",
    "KHONGCO",
];
/// What people call a payment, a payer or an account: it names no single one.
const GENERAL: [&str; 101] = [
    "PROVIDED",
    "AVAILABLE",
    "APPLICABLE",
    "KNOWN",
    "GIVEN",
    "SPECIFIED",
    "SET",
    "TOPUP",
    "TOP",
    "UP",
    "RELOAD",
    "RECHARGE",
    "CREDIT",
    "DEPOSIT",
    "PAYMENT",
    "PAYMENTS",
    "PAY",
    "PAID",
    "PAYNOW",
    "PMT",
    "TRANSFER",
    "TRF",
    "TFR",
    "XFER",
    "GIRO",
    "FAST",
    "REMITTANCE",
    "INVOICE",
    "INVOICES",
    "INV",
    "BILL",
    "BILLS",
    "RECHNUNG",
    "FACTURE",
    "FACTURA",
    "FATTURA",
    "FACTUUR",
    "ORDER",
    "REFERENCE",
    "REF",
    "NUMBER",
    "NUM",
    "NR",
    "ACCOUNT",
    "ACCT",
    "ACC",
    "AC",
    "KONTO",
    "IBAN",
    "BANK",
    "CUSTOMER",
    "CLIENT",
    "SENDER",
    "NAME",
    "CASH",
    "KASSE",
    "BAREINZAHLUNG",
    "EINZAHLUNG",
    "EFECTIVO",
    "ESPECES",
    "CONTANTI",
    "TELLER",
    "COUNTER",
    "SUNDRY",
    "VERSCHIEDENE",
    "VARIOS",
    "DIVERS",
    "ATM",
    "CHEQUE",
    "CHECK",
    "CARD",
    "VARIOUS",
    "DIVERSE",
    "OTHR",
    "MISC",
    "GENERAL",
    "MONTHLY",
    "MONTH",
    "ENDING",
    "END",
    "TOEND",
    "THE",
    "FOR",
    "OF",
    "MY",
    "IN",
    "ID",
    "THANKS",
    "ANGABE",
    "ANGABEN",
    "BEKANNT",
    "DISPONIBLE",
    "DISPONIBILE",
    "INFORMADO",
    "DATOS",
    "DATI",
    "CUENTA",
    "COMPTE",
    "CONTO",
    "CONTA",
    "REKENING",
];
/// The two tables, and the longest word of both: each payment's words are looked up in them.
static NOTHINGS: LazyLock<HashSet<&str>> = LazyLock::new(|| NOTHING.into_iter().collect());
static GENERALS: LazyLock<HashSet<&str>> = LazyLock::new(|| GENERAL.into_iter().collect());
static LONGEST: LazyLock<usize> =
    LazyLock::new(|| NOTHING.iter().chain(&GENERAL).map(|word| word.len()).max().unwrap_or(0));
const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const MONTH_NAMES: [&str; 12] = [
    "JANUARY",
    "FEBRUARY",
    "MARCH",
    "APRIL",
    "MAY",
    "JUNE",
    "JULY",
    "AUGUST",
    "SEPTEMBER",
    "OCTOBER",
    "NOVEMBER",
    "DECEMBER",
];
/// Digits alone are nobody's reference below this many: a year, an amount, a postal code.
const BARE_DIGITS_MIN: usize = 7;
/// The last digits of an account number, which banks show of a masked one.
const LAST_DIGITS_MAX: usize = 4;
/// Characters, and digits among them, of a reference that others are unlikely to give as well.
const TELLING_MIN: usize = 3;
const TELLING_DIGITS_MIN: usize = 2;
/// Characters of a word with a digit in it that is no word of a language.
const TELLING_WORD_MIN: usize = 10;
/// Letters of a word for "none" that is known as one also where another word is glued to it.
const NOTHING_GLUED_MIN: usize = 4;
/// Digits of a word of the lists.
const WORD_DIGITS_MAX: usize = 1;
/// A run of the letter X that stands for characters left out.
const MASK: &str = "XXX";
const MASK_RUN: usize = MASK.len();
/// Digits after a shorter mask: `XX1234`, `X123456`.
const MASKED_DIGITS_MAX: usize = 6;
/// Characters that are all one are no account, from this many on.
const PATTERN_MIN: usize = 6;

/// Letters and digits, upper case.
pub fn fold(text: &str) -> String {
    normalise(text).chars().filter(char::is_ascii_alphanumeric).collect()
}

/// Whether a payer's account number is nobody's: empty, a word for "none", masked, all one digit,
/// or digits that only count up. Such a value identifies no customer, is not learnt, is not
/// registered, and tells no two payments apart or together.
pub fn is_placeholder_payer(text: &str) -> bool {
    let normal = without_marks(normalise(text));
    let key: String = normal.chars().filter(char::is_ascii_alphanumeric).collect();
    is_placeholder(&normal, &key)
}

/// The same of letters and digits of ASCII, upper case, with nothing between them.
pub(super) fn is_placeholder_key(key: &str) -> bool {
    is_placeholder(key, key)
}

fn is_placeholder(normal: &str, key: &str) -> bool {
    // A word of the lists has one digit at most (`E2E`), so two of them have no more than two.
    // Each payment asks, and most accounts have more.
    let digits = key.bytes().filter(u8::is_ascii_digit).count();
    let is_one_word = normal.len() == key.len();
    key.is_empty()
        || is_masked(normal, key)
        || is_pattern(key)
        || (!is_one_word || digits <= WORD_DIGITS_MAX) && only_weak_words(normal, key)
        || digits <= 2 * WORD_DIGITS_MAX && (is_nothing_glued(key) || is_general(key))
}

/// `VERFÜGBAR` as `VERFUGBAR`.
fn without_marks(normal: String) -> String {
    if normal.is_ascii() {
        return normal;
    }
    normal.nfd().filter(|c| !is_combining_mark(*c)).collect()
}

fn is_nothing(word: &str) -> bool {
    word.len() <= *LONGEST && NOTHINGS.contains(word)
}

fn is_nothing_or_general(word: &str) -> bool {
    word.len() <= *LONGEST && (NOTHINGS.contains(word) || GENERALS.contains(word))
}

/// `KEINEANGABE`: two words that say nothing, as an account number is stored. Short ones may be
/// a word that says something: `NAIN`.
fn is_nothing_glued(key: &str) -> bool {
    let long = NOTHING.iter().filter(|word| word.len() >= NOTHING_GLUED_MIN);
    long.filter_map(|word| key.strip_prefix(word)).any(is_nothing_or_general)
}

/// Whether a name says nothing about who paid.
pub fn is_placeholder_name(text: &str) -> bool {
    let normal = normalise(text);
    let letters = normal.chars().any(char::is_alphabetic);
    let key: String = normal.chars().filter(char::is_ascii_alphanumeric).collect();
    let ascii = normal.is_ascii();
    !letters || ascii && (is_masked(&normal, &key) || only_weak_words(&normal, &key))
}

/// Whether it is a word that is written where there is nothing to say.
pub fn is_word_for_none(text: &str) -> bool {
    let normal = normalise(text);
    let key: String = normal.chars().filter(char::is_ascii_alphanumeric).collect();
    normal.is_ascii() && (key.is_empty() || is_nothing(&key))
}

/// Whether what stands where a bank's own id belongs is none: a word for none, signs only, zeros,
/// a mask. A bank that has no id to give writes such a thing at every record.
pub fn is_no_id(text: &str) -> bool {
    let key = fold(text);
    let all = |one: u8| !key.is_empty() && key.bytes().all(|byte| byte == one);
    is_word_for_none(text) || all(b'0') || key.len() >= MASK_RUN && all(b'X')
}

/// Whether a reference that a payer gave (an end-to-end id, a text) names no single payment: a word
/// for "none", general words, months, dates, amounts, short numbers, or nothing but these.
pub fn is_weak_reference(text: &str) -> bool {
    let normal = normalise(text);
    let key: String = normal.chars().filter(char::is_ascii_alphanumeric).collect();
    if is_pattern(&key) || is_nothing(&key) {
        return true;
    }
    if key.bytes().all(|byte| byte.is_ascii_digit()) {
        return key.len() < BARE_DIGITS_MIN || is_date_digits(&key);
    }
    let words = || normal.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
    let told = || words().filter(|word| !is_nothing(word) && !is_period(word)).map(telling);
    let letters = told().fold(0_usize, |sum, word| sum.saturating_add(word.0));
    let digits = told().fold(0_usize, |sum, word| sum.saturating_add(word.1));
    if letters == 0 && words().flat_map(parts).any(is_currency) {
        // An amount: `EUR 319.00`.
        return digits < BARE_DIGITS_MIN;
    }
    // Without digits it is a word, which others use as well; with few of them, `2nd half` or `B2B`.
    let long = || words().any(|word| word.len() >= TELLING_WORD_MIN && telling(word).1 > 0);
    digits < TELLING_DIGITS_MIN && !long() || letters.saturating_add(digits) < TELLING_MIN
}

/// `EUR`, in capitals as texts are compared.
fn is_currency(word: &str) -> bool {
    word.len() == 3 && Currency::parse(word).is_ok()
}

/// The letters and the digits of a word that may tell it from others. Digits beside letters that
/// say something count; alone, or beside a general word, a day, a month and a year do not.
fn telling(word: &str) -> (usize, usize) {
    let digits = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
    let length = |sum: usize, part: &str| sum.saturating_add(part.len());
    let letters = parts(word)
        .filter(|part| !digits(part) && !is_general(part) && !is_currency(part))
        .fold(0, length);
    let counted = |part: &&str| digits(part) && (letters > 0 || !is_date_part(part));
    (letters, parts(word).filter(counted).fold(0, length))
}

/// A weak word, or two of them glued together: `TOPUPNOV`.
fn is_general(word: &str) -> bool {
    let glued = |at: usize| word.split_at_checked(at);
    let both = |(left, right): (&str, &str)| is_weak_word(left) && is_weak_word(right);
    is_weak_word(word) || (2..word.len()).filter_map(glued).any(both)
}

/// Whether a word (folded) names nobody and nothing by itself.
pub fn is_weak_word(word: &str) -> bool {
    is_nothing_or_general(word) || is_month(word)
}

/// `NOV`, `NOVEMBER`, `SEPT`.
pub fn is_month(word: &str) -> bool {
    MONTHS.contains(&word) || MONTH_NAMES.contains(&word) || word == "SEPT"
}

/// Letters and digits of a word apart: `INV2026` has `INV` and `2026`.
fn parts(word: &str) -> impl Iterator<Item = &str> {
    let kind = |c: char| c.is_ascii_digit();
    let mut rest = word;
    std::iter::from_fn(move || {
        let first = kind(rest.chars().next()?);
        let end = rest.find(|c| kind(c) != first).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        rest = after;
        Some(part)
    })
}

/// Every word of it says nothing: `N/A`, `NOT PROVIDED`, `ENDING 1234`.
fn only_weak_words(normal: &str, key: &str) -> bool {
    let weak = is_nothing_or_general;
    let last = |w: &str| w.len() <= LAST_DIGITS_MAX && w.bytes().all(|b| b.is_ascii_digit());
    let words = || normal.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
    weak(key) || words().any(weak) && words().all(|word| weak(word) || last(word))
}

fn is_masked(normal: &str, key: &str) -> bool {
    let sign = |c: char| matches!(c, '*' | '•' | '●' | '·' | '∙' | '…' | '█' | '×' | '¤');
    // `????1234`, `####1234`, `----1234`, `....1234`; one of them may only be punctuation.
    let punctuation = |byte: u8| b"?#-_.=~".contains(&byte);
    let run =
        normal.as_bytes().array_windows().any(|[a, b, c]| a == b && b == c && punctuation(*a));
    if run || normal.contains(sign) {
        return true;
    }
    let xs = key.bytes().take_while(|byte| *byte == b'X').count();
    let rest = key.get(xs..).unwrap_or_default();
    let digits = rest.bytes().all(|byte| byte.is_ascii_digit());
    key.contains(MASK) || xs > 0 && digits && rest.len() <= MASKED_DIGITS_MAX
}

/// All one character, also behind a country code and check digits; digits that count up or down;
/// the last digits only.
fn is_pattern(key: &str) -> bool {
    let bytes = key.as_bytes();
    let alike = |bytes: &[u8]| bytes.windows(2).all(|pair| pair.first() == pair.last());
    let counts = |step: u8| {
        bytes.windows(2).all(|pair| match pair {
            [left, right] => {
                let (left, right) = (left.wrapping_sub(b'0'), right.wrapping_sub(b'0'));
                left.wrapping_add(step) % 10 == right % 10
            }
            _ => true,
        })
    };
    // `121212`, `ABCABC`; `11112222`.
    let repeats = |most: usize| {
        bytes.len() >= PATTERN_MIN
            && (1..=most)
                .any(|period| bytes.iter().zip(bytes.iter().skip(period)).all(|(l, r)| l == r))
    };
    if bytes.iter().all(u8::is_ascii_digit) {
        // What stands before it is padding.
        let padding = bytes.iter().take_while(|byte| **byte == b'0').count();
        let short = bytes.len().saturating_sub(padding) <= LAST_DIGITS_MAX;
        let first = bytes.iter().take_while(|byte| bytes.first() == Some(byte)).count();
        let (one, two) = bytes.split_at(first);
        let two_runs = one.len() >= MASK_RUN && two.len() >= MASK_RUN && alike(two);
        return short || alike(bytes) || counts(1) || counts(9) || repeats(3) || two_runs;
    }
    if repeats(3) {
        return true;
    }
    let letters = bytes.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let skips = [0, letters, if letters == 2 { 4 } else { letters }];
    skips.iter().any(|skip| {
        let tail = bytes.get(*skip..).unwrap_or_default();
        tail.len() >= PATTERN_MIN && alike(tail)
    })
}

/// A day, a month or a year, or all of them together.
pub fn is_date_part(digits: &str) -> bool {
    digits.len() <= 2 || is_year(digits) || is_date_digits(digits)
}

/// What counts the parts of a year, and up to what.
const PERIODS: [(&str, u32); 10] = [
    ("Q", 4),
    ("QTR", 4),
    ("QUARTER", 4),
    ("H", 2),
    ("KW", 53),
    ("CW", 53),
    ("WK", 53),
    ("WEEK", 53),
    ("W", 53),
    ("FY", 99),
];

/// A part of a year: `Q4-2026`, `2026W48`, `KW48`, `FY26`, `FY2026`. Upper case.
pub fn is_period(text: &str) -> bool {
    let (mut unit, mut numbers) = (None, Vec::new());
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
    for part in words.flat_map(parts) {
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            numbers.push(part);
        } else if unit.replace(part).is_some() {
            return false;
        }
    }
    let known = |unit: &str| PERIODS.iter().find(|(word, _)| *word == unit);
    let Some((word, most)) = unit.and_then(known) else { return false };
    let counts = |number: &str| {
        number.len() <= 2 && number.parse().is_ok_and(|number: u32| (1..=*most).contains(&number))
    };
    let year = |number: &str| is_year(number) || number.len() == 2;
    match numbers.as_slice() {
        [one] => {
            let glued = one.len().checked_sub(4).and_then(|at| one.split_at_checked(at));
            counts(one)
                || glued.is_some_and(|(number, year)| counts(number) && is_year(year))
                || *word == "FY" && is_year(one)
        }
        [one, two] => counts(one) && year(two) || year(one) && counts(two),
        _ => false,
    }
}

/// `1990` to `2099`: what people mean by four such digits is a year.
pub fn is_year(digits: &str) -> bool {
    digits.len() == 4 && ("1990".."2100").contains(&digits)
}

/// `20261128`, `28112026`, `11282026`, `281126`, `261128`, `202611`, `112026`.
pub fn is_date_digits(digits: &str) -> bool {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let century = |text: &str| format!("20{text}");
    let at = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    match digits.len() {
        8 => {
            is_day(at(0, 4), at(4, 6), at(6, 8))
                || is_day(at(4, 8), at(2, 4), at(0, 2))
                || is_day(at(4, 8), at(0, 2), at(2, 4))
        }
        6 => {
            let (first, middle, last) = (at(0, 2), at(2, 4), at(4, 6));
            is_day(&century(first), middle, last)
                || is_day(&century(last), middle, first)
                || is_day(&century(last), first, middle)
                || is_day(at(0, 4), last, "01")
                || is_day(at(2, 6), first, "01")
        }
        _ => false,
    }
}

fn is_day(year: &str, month: &str, day: &str) -> bool {
    let date = |year: i32, month: u32, day: u32| chrono::NaiveDate::from_ymd_opt(year, month, day);
    let parsed = (year.parse().ok(), month.parse().ok(), day.parse().ok());
    match parsed {
        (Some(year), Some(month), Some(day)) => {
            (1990..2100).contains(&year) && date(year, month, day).is_some()
        }
        _ => false,
    }
}

/// Letters and digits of an account number.
const PAYER_ACCOUNT_MAX: usize = 64;

/// Letters and digits of an account number, upper case; none if it is nobody's
/// ([`is_placeholder_payer`]).
pub fn payer_account(text: &str) -> Option<String> {
    // Each payment asks several times, and most accounts have nothing between their characters.
    let (key, nobody) = if text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let key = text.to_ascii_uppercase();
        let nobody = is_placeholder_key(&key);
        (key, nobody)
    } else {
        (fold(text), is_placeholder_payer(text))
    };
    (key.len() <= PAYER_ACCOUNT_MAX && !nobody).then_some(key)
}

#[cfg(test)]
mod tests;
