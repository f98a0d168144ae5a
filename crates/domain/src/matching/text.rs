//! What a payer's text says: normalising, and the tokens that may name invoices.

use std::collections::BTreeSet;

use chrono::Datelike;

use super::bare::Bare;
use super::near::Word;
use super::numbers::{self, Number, Place};
use super::{bare, fold, forms, joined, near, reference, spans, upstream, weak};
use crate::bank::{BankTransaction, CUT_MARK};
use crate::ids::InvoiceId;
use crate::invoice::{folded_key, number_key};
use crate::matching::fold::is_separator;
use crate::matching::reference::ReferencePlace;
use crate::matching::words::behind::{self, Behind};
use crate::money::Currency;

use super::fold::normalise;
pub use super::weak::payer_account;

/// References of one text; what is beyond is not read.
pub const TOKENS_MAX: usize = 128;
/// Ways in which the words of one text may be numbers; what is beyond is not read.
pub const NUMBERS_MAX: usize = 400;
/// A minted reference without its first two letters.
const BARE: usize = 15;
/// Characters of a minted reference: looked for inside a word that was glued to another.
const GLUED: usize = 17;
/// Words that may be mistyped: references, and numbers of one line. All together twice as many.
const NEAR_MAX: usize = 4;
/// Characters of a line that a bank may have cut: 27 and 35 are usual, and spaces at the end go.
const FULL_LINE: usize = 25;
/// Fields and lines of one payment that may be a mistyped reference of upstream.
const QUOTED_MAX: usize = 2;
/// Digits of one payment that may be mistyped, beside those that have letters.
const SLIPS_MAX: usize = 3;
/// `RF18 5390 0754 7034 …`: at most 25 characters in groups of four, or in one part more.
const REFERENCE_PARTS_MAX: usize = 8;

/// The names of invoices that a payment may hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens {
    /// References whose check digits verify, each once.
    pub references: Vec<(String, ReferencePlace)>,
    /// Whole words that may be invoice numbers, longest first within one run of text.
    pub numbers: Vec<Vec<Number>>,
    /// Words like references of ours, as they are with typed letters read as digits.
    pub near: Vec<String>,
    /// Nothing of the payment is to be looked at: it is recorded and decided later.
    pub unread: bool,
}

impl Tokens {
    /// For a payment that is only recorded.
    pub fn unread() -> Self {
        Self { unread: true, ..Self::default() }
    }

    /// The keys of all numbers.
    pub fn all_numbers(&self) -> impl Iterator<Item = &String> {
        self.numbers.iter().flatten().map(|number| &number.key)
    }

    /// Words that may be mistyped. Digits alone are like too many, unless the payer is known.
    pub fn mistyped(&self, payer_is_known: bool) -> Vec<Word> {
        let mut words: Vec<Word> = self.near.iter().cloned().map(Word::Mistyped).collect();
        for run in &self.numbers {
            let mut chosen: Vec<&Number> = Vec::new();
            for number in run.iter().filter(|number| number.whole) {
                let letters = number.word.bytes().any(|byte| byte.is_ascii_alphabetic());
                let apart = !chosen.iter().any(|other| other.overlaps(number));
                if (letters || payer_is_known) && apart && chosen.len() < NEAR_MAX {
                    chosen.push(number);
                }
            }
            let room = NEAR_MAX.saturating_mul(2).saturating_sub(words.len());
            let chosen = chosen.into_iter().take(room);
            words.extend(chosen.map(|number| Word::Mistyped(number.word.clone())));
        }
        words
    }

    fn names_nothing(&self) -> bool {
        self.references.is_empty() && self.numbers.is_empty() && self.near.is_empty()
    }

    /// What else the references are called: [`forms::others`].
    fn add_other_forms(&mut self, currency: Currency) {
        let known = &self.references;
        let others = known.iter().flat_map(|(reference, found)| {
            forms::others(reference, currency).into_iter().map(|other| (other, *found))
        });
        let new = |other: &(String, ReferencePlace)| !known.iter().any(|known| known.0 == other.0);
        let room = TOKENS_MAX.saturating_sub(known.len());
        let others: Vec<(String, ReferencePlace)> = others.filter(new).take(room).collect();
        self.references.extend(others);
    }

    /// Each number once. Where the text says it twice, the better place counts.
    fn push_numbers(&mut self, found: Vec<Number>, seen: &mut BTreeSet<String>) {
        let mut new = Vec::new();
        for number in found {
            if seen.insert(number.word.clone()) {
                new.push(number);
            } else if !number.doubtful {
                let known = self.numbers.iter_mut().flatten().find(|n| n.word == number.word);
                known.into_iter().for_each(|known| known.doubtful = false);
            }
        }
        if !new.is_empty() {
            self.numbers.push(new);
        }
    }
}

/// The tokens of a bank transaction.
pub fn tokens(bank: &BankTransaction) -> Tokens {
    let mut tokens = Tokens::default();
    let mut seen = BTreeSet::new();
    let amounts = spans::amounts(bank);
    let field = bank.creditor_reference.as_deref().map(normalise);
    let written = bank.unstructured.iter().filter(|line| !line.starts_with(CUT_MARK));
    let lines: Vec<String> = written.map(|line| dashed(normalise(line))).collect();
    let placed = lines.iter().map(|line| (line, numbers::place(line, bank.amount.currency())));
    let field = field.iter().map(|field| (field, Place::Reference));
    scan(field.chain(placed), &amounts, &mut tokens, &mut seen);
    if lines.len() > 1 {
        // Banks cut at 35 characters, mid-word: what only the joined forms show must verify.
        for joined in [lines.concat(), lines.join(" ")] {
            scan_grouped_reference(&joined, ReferencePlace::Reference, &mut tokens, &mut seen);
            for word in words(&joined) {
                scan_word_for_references(word, ReferencePlace::Reference, &mut tokens, &mut seen);
            }
        }
    }
    let end_to_end_id = bank.end_to_end_id.as_ref().filter(|id| !id.contains(CUT_MARK));
    if let Some(end_to_end_id) = end_to_end_id {
        let key = normalise(end_to_end_id).replace(|c: char| !c.is_ascii_alphanumeric(), "");
        push_reference(&key, ReferencePlace::EndToEnd, &mut tokens, &mut seen);
    }
    if tokens.names_nothing() {
        elsewhere(bank, &amounts, &mut tokens, &mut seen);
    }
    let room = TOKENS_MAX.saturating_sub(tokens.references.len());
    tokens.references.extend(upstream::candidates(bank).into_iter().take(room));
    tokens.add_other_forms(bank.amount.currency());
    tokens
}

/// What is looked for where a payment names no invoice: words that may be mistyped, digits without
/// the letters of our numbers, and what stands alone where a reference belongs.
pub fn sought(bank: &BankTransaction, tokens: &Tokens, payer_is_known: bool) -> Vec<Word> {
    let mut words = tokens.mistyped(payer_is_known);
    let written = bank.unstructured.iter().filter(|line| !line.starts_with(CUT_MARK));
    let lines: Vec<String> = written.map(|line| normalise(line)).collect();
    let field = bank.creditor_reference.as_deref().map(normalise);
    let alone = field.iter().chain(&lines).filter_map(|line| upstream::alone(line));
    words.extend(alone.take(QUOTED_MAX).map(Word::Quoted));
    let bare = bare(bank);
    let mistyped = |bare: &&Bare| payer_is_known || bare.said || bare.is_of_a_year();
    let slips = bare.iter().filter(mistyped);
    words.extend(slips.take(SLIPS_MAX).map(|bare| Word::Slipped(bare.key.clone())));
    words.extend(bare.into_iter().map(|bare| Word::Digits(bare.key)));
    words
}

/// Digits of the text that may be those of invoices' numbers.
pub(super) fn digits(bank: &BankTransaction) -> impl Iterator<Item = Word> {
    bare(bank).into_iter().map(|bare| Word::Digits(bare.key))
}

/// Where the text names `invoice_id`: what may name another invoice as well.
pub(super) fn rivals(bank: &BankTransaction, invoice_id: &InvoiceId) -> impl Iterator<Item = Word> {
    let key = folded_key(invoice_id);
    let own = Word::Digits(fold::digits(&key).to_owned());
    let others = digits(bank).filter(move |word| *word != own);
    [Word::Neighbour(number_key(invoice_id))].into_iter().chain(others)
}

/// Those of them of which a word says that they are an invoice's.
pub(super) fn said_digits(bank: &BankTransaction) -> BTreeSet<String> {
    bare(bank).into_iter().filter(|bare| bare.said).map(|bare| bare.key).collect()
}

fn bare(bank: &BankTransaction) -> Vec<Bare> {
    let written = bank.unstructured.iter().filter(|line| !line.starts_with(CUT_MARK));
    let mut lines: Vec<String> = written.map(|line| dashed(normalise(line))).collect();
    lines.extend(bank.creditor_reference.as_deref().map(normalise));
    // A few digits alone are a number here, as they are in a text.
    let few = |id: &str| id.bytes().all(|byte| byte.is_ascii_digit()) && !weak::is_date_part(id);
    let given = bank.end_to_end_id.as_deref();
    let given = given.filter(|id| few(id) || !weak::is_weak_reference(id));
    lines.extend(given.map(normalise));
    lines.extend(bank.debtor_name.as_deref().map(normalise));
    bare::words(&lines, &spans::amounts(bank), bank.effective_date().year())
}

/// Where the text names nothing: the end-to-end id, which some banks let payers write, and the
/// payer's name, before which Japan's payers write what they pay. Neither is waited for.
fn elsewhere(
    bank: &BankTransaction,
    amounts: &[i64],
    tokens: &mut Tokens,
    seen: &mut BTreeSet<String>,
) {
    let given = bank.end_to_end_id.as_deref().filter(|id| !weak::is_weak_reference(id));
    let given = given.map(normalise);
    let name = bank.debtor_name.as_deref().map(normalise);
    let first = name.as_deref().and_then(|name| name.split_once(' ')).map(|(first, _)| first);
    for (text, doubtful) in [(given.as_deref(), false), (first, true)] {
        let Some(text) = text else { continue };
        let found = numbers::Reader::new(text, Place::Text, amounts).read(text);
        let whole = found.into_iter().filter(|number| number.whole).map(|number| {
            let doubtful = doubtful || number.doubtful;
            Number { awaited: false, doubtful, ..number }
        });
        tokens.push_numbers(whole.collect(), seen);
    }
}

/// A long vowel sign between a letter and a digit is a dash.
fn dashed(line: String) -> String {
    if !line.contains('ー') {
        return line;
    }
    let characters: Vec<char> = line.chars().collect();
    let ascii = |c: Option<&char>| c.is_some_and(char::is_ascii_alphanumeric);
    let plain = |(at, character): (usize, &char)| {
        let before = at.checked_sub(1).and_then(|before| characters.get(before));
        let between = ascii(before) && ascii(characters.get(at.saturating_add(1)));
        if *character == 'ー' && between { '-' } else { *character }
    };
    characters.iter().enumerate().map(plain).collect()
}

/// Runs of characters that an identifier may have; neighbours are then no letters or digits, or
/// letters of a script that has no spaces between words.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_alphanumeric() || is_separator(c)) || fold::is_beside_numbers(c))
        .map(|word| word.trim_matches(is_separator))
        .filter(|word| !word.is_empty())
}

/// Reads the lines: all words of all lines before what several words may be together, so that a
/// long text loses the least certain first.
fn scan<'a>(
    lines: impl Iterator<Item = (&'a String, Place)>,
    amounts: &[i64],
    tokens: &mut Tokens,
    seen: &mut BTreeSet<String>,
) {
    let mut room = NUMBERS_MAX;
    let mut read = Vec::new();
    for (line, place) in lines {
        scan_grouped_reference(line, ReferencePlace::Reference, tokens, seen);
        let mut reader = numbers::Reader::new(line, place, amounts);
        let mut found = Vec::new();
        for word in words(line) {
            if !scan_word_for_references(word, ReferencePlace::Reference, tokens, seen)
                && found.len() < room
            {
                found.extend(reader.read(word));
            }
        }
        room = room.saturating_sub(found.len());
        read.push((reader, found));
    }
    let begins = |line: &str| line.starts_with(|c: char| c.is_ascii_digit());
    let told = |line: &str| behind::behind(line, 0) != Behind::Harmless;
    let both = |line: &str| (begins(line), told(line));
    let next: Vec<(bool, bool)> = read.iter().skip(1).map(|(next, _)| both(next.line())).collect();
    for (at, (mut reader, mut found)) in read.into_iter().enumerate() {
        let joined = joined::numbers(&mut reader, room);
        room = room.saturating_sub(joined.len());
        found.extend(joined);
        let line = reader.line();
        if let Some((digits, told)) = next.get(at).filter(|_| line.chars().count() >= FULL_LINE) {
            // A full line was cut: what it ends with may have more digits, and a bare number goes
            // with the first word of the next.
            let last = found.iter_mut().filter(|number| number.ends_at(line.len()));
            last.for_each(|number| number.doubtful |= *digits || *told && number.is_bare());
        }
        // The longest that is one of ours wins over what it contains.
        found.sort_by_key(|number| std::cmp::Reverse(number.length()));
        tokens.push_numbers(found, seen);
    }
}

/// A word, or what it holds between separators: `RF18…`, `RF18-5390-…`, `REF:RF18…-NOV`.
fn scan_word_for_references(
    word: &str,
    found: ReferencePlace,
    tokens: &mut Tokens,
    seen: &mut BTreeSet<String>,
) -> bool {
    let plain = word.replace(is_separator, "");
    if push_reference(&plain, found, tokens, seen) || push_bare(&plain, found, tokens, seen) {
        return true;
    }
    let glued = word.match_indices("RF").skip_while(|(at, _)| *at == 0 && word.len() <= GLUED);
    let mut any = false;
    for (at, _) in glued {
        if let Some(key) = word.get(at..at.saturating_add(GLUED)) {
            let digits = key.bytes().skip(2).take(2).all(|byte| byte.is_ascii_digit());
            any |= digits && reference::verifies(key) && push_reference(key, found, tokens, seen);
        }
    }
    let parts: Vec<&str> = word.split(is_separator).filter(|part| !part.is_empty()).collect();
    any || parts.len() > 1 && push_joined_parts(&parts, found, tokens, seen)
}

/// People write `RF18 5390 0754 7034`: groups of two to four after a word that starts with RF.
fn scan_grouped_reference(
    line: &str,
    found: ReferencePlace,
    tokens: &mut Tokens,
    seen: &mut BTreeSet<String>,
) {
    let parts: Vec<&str> =
        line.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
    push_joined_parts(&parts, found, tokens, seen);
}

/// Joins each part that starts with RF with those that follow it. One in 97 beginnings of a
/// reference verifies by chance, so the search goes on after a hit: only ours are ever known.
fn push_joined_parts(
    parts: &[&str],
    found: ReferencePlace,
    tokens: &mut Tokens,
    seen: &mut BTreeSet<String>,
) -> bool {
    let mut any = false;
    for (start, part) in parts.iter().enumerate() {
        if !part.starts_with("RF") {
            continue;
        }
        let mut joined = String::new();
        for part in parts.iter().skip(start).take(REFERENCE_PARTS_MAX) {
            joined.push_str(part);
            if joined.len() > *reference::LENGTH.end() {
                break;
            }
            any |= push_reference(&joined, found, tokens, seen);
        }
    }
    any
}

/// A reference of ours without its first letters, or with other ones: the check digits tell.
fn push_bare(
    word: &str,
    found: ReferencePlace,
    tokens: &mut Tokens,
    seen: &mut BTreeSet<String>,
) -> bool {
    let body = match word.len() {
        BARE => word,
        GLUED => word.get(2..).unwrap_or_default(),
        _ => return false,
    };
    let digits = body.bytes().take(2).all(|byte| byte.is_ascii_digit());
    let key = format!("RF{body}");
    digits && reference::verifies(&key) && push_reference(&key, found, tokens, seen)
}

/// Adds `key`, and what it is with typed letters read as digits, where the check digits verify.
fn push_reference(
    key: &str,
    found: ReferencePlace,
    tokens: &mut Tokens,
    seen: &mut BTreeSet<String>,
) -> bool {
    if !reference::LENGTH.contains(&key.len()) || !key.starts_with("RF") {
        return false;
    }
    let read = key.chars().skip(2).map(|character| match character {
        'O' => '0',
        'I' | 'L' => '1',
        'S' => '5',
        'B' => '8',
        other => other,
    });
    let read: String = "RF".chars().chain(read).collect();
    let mut any = false;
    let new = !tokens.near.contains(&read) && tokens.near.len() < NEAR_MAX;
    if new && near::like_reference(&read) {
        tokens.near.push(read.clone());
    }
    for reference in [key.to_owned(), read] {
        if tokens.references.len() >= TOKENS_MAX || !reference::verifies(&reference) {
            continue;
        }
        any = true;
        if seen.insert(reference.clone()) {
            tokens.references.push((reference, found));
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(lines: &[&str]) -> Tokens {
        let mut tokens = Tokens::default();
        let lines: Vec<String> = lines.iter().map(|line| dashed(normalise(line))).collect();
        let placed = lines.iter().map(|line| (line, Place::Text));
        super::scan(placed, &[], &mut tokens, &mut BTreeSet::new());
        tokens
    }

    #[test]
    fn numbers_are_whole_words() {
        let cases: [(&str, &[&str]); 22] = [
            ("INV-1001", &["INV-1001"]),
            ("pay inv-1001 now", &["INV-1001"]),
            ("INV-1001, thanks", &["INV-1001"]),
            ("REF:INV-1001", &["REF:INV-1001", "INV-1001"]),
            ("INV-10011", &["INV-10011"]),
            ("XINV-1001", &["XINV-1001"]),
            ("ІNV-1001", &[]),
            ("INV\u{200b}-1001", &["INV-1001"]),
            ("ＩＮＶ－１００１", &["INV-1001"]),
            ("inv 1001", &["INV 1001", "1001"]),
            ("支払INV-71010ありがとう", &["INV-71010"]),
            ("ชำระINV-71010ครับ", &["INV-71010"]),
            ("№INV-71011 от", &["INV-71011"]),
            ("INV–71012", &["INV-71012"]),
            ("INVー71012", &["INV-71012"]),
            ("فاتورة INV-٧١٠٤٢", &["INV-71042"]),
            ("INV71015 thanks", &["INV71015"]),
            ("INV71015INV71016", &["INV71015INV71016", "INV71015", "INV71016"]),
            ("TOPUPINV71014THANKS", &["TOPUPINV71014THANKS", "TOPUPINV71014", "INV71014"]),
            ("29JGFNZ1E4J6CQE", &[]),
            ("2026-11-22 22.11.2026 20261122", &[]),
            ("topup NOTPROVIDED 000000 abc", &[]),
        ];
        for (text, expected) in cases {
            let tokens = scan(&[text]);
            let found: Vec<&str> =
                tokens.numbers.iter().flatten().map(|number| number.word.as_str()).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn references_are_found_however_they_are_written() {
        let expected = vec![("RF18539007547034".to_owned(), ReferencePlace::Reference)];
        for text in [
            "RF18539007547034",
            "payment rf18539007547034 thank you",
            "RF18 5390 0754 7034",
            "RF18-5390-0754-7034",
            "RFL8S39OO754703A RF18539007547034",
            "RF1853900754703\u{200b}4",
            "RFI8539OO7547O34",
            "お支払いRF18539007547034です",
        ] {
            assert_eq!(scan(&[text]).references, expected, "{text}");
        }
        assert!(scan(&["RF18539007547043 RF19539007547034"]).references.is_empty());
        let minted = reference::mint(&[9; 32]);
        for text in [minted.replacen("RF", "", 1), minted.replacen("RF", "RE", 1)] {
            assert_eq!(
                scan(&[&text]).references,
                [(minted.clone(), ReferencePlace::Reference)],
                "{text}"
            );
        }
    }

    #[test]
    fn a_reference_glued_to_other_words_is_found() {
        let minted = reference::mint(&[7; 32]);
        for text in [format!("{minted}THANKS"), format!("TOPUP{minted}"), format!("A{minted}B")] {
            let wanted = (minted.clone(), ReferencePlace::Reference);
            assert!(scan(&[&text]).references.contains(&wanted), "{text}");
        }
    }

    #[test]
    fn no_reference_is_missed_because_its_beginning_verifies_by_chance() {
        for seed in 0..500_u64 {
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let minted = reference::mint(&[0_u8; 32].map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).rotate_left(17);
                state.to_be_bytes()[0]
            }));
            let characters: Vec<char> = minted.chars().collect();
            let groups: Vec<String> = characters.chunks(4).map(String::from_iter).collect();
            let texts = [
                groups.join(" "),
                groups.join("-"),
                format!("top up {} 11 2026", groups.join(" ")),
                format!("Ref:{minted}-2026"),
            ];
            for text in texts {
                let found = scan(&[&text]).references;
                let wanted = (minted.clone(), ReferencePlace::Reference);
                assert!(found.contains(&wanted), "{text}: {found:?}");
            }
        }
    }

    #[test]
    fn the_same_reference_twice_is_one_token() {
        assert_eq!(scan(&["RF18539007547034", "RF18539007547034"]).references.len(), 1);
        assert_eq!(scan(&["INV-1001 INV-1001"]).numbers.len(), 1);
    }

    /// The short way for accounts with nothing between their characters is no other rule.
    #[test]
    fn an_account_is_somebodys_with_and_without_separators_alike() {
        let words = ["NA", "UNKNOWN", "E2E", "TOPUP", "IBAN", "X", "XX", "XXXX", "SG77ACC", "OP"];
        let tails = ["", "0", "7", "12", "1234", "0000000", "1234567", "121212", "9f3", "NAME"];
        let (mut nobody, mut somebody) = (0, 0);
        for word in words {
            for (tail, other) in tails.iter().flat_map(|tail| words.map(|other| (tail, other))) {
                for text in [format!("{word}{tail}"), format!("{tail}{word}{other}")] {
                    let plain = payer_account(&text);
                    // A soft hyphen is nothing, and takes the long way.
                    assert_eq!(plain, payer_account(&format!("{text}\u{ad}")), "{text}");
                    *(if plain.is_none() { &mut nobody } else { &mut somebody }) += 1;
                }
            }
        }
        assert!(nobody > 100 && somebody > 100, "{nobody} {somebody}");
    }

    #[test]
    fn payer_accounts_lose_their_separators() {
        assert_eq!(payer_account("072-000 1234").as_deref(), Some("0720001234"));
        for useless in ["", "NOTPROVIDED", "000000", "ノ"] {
            assert_eq!(payer_account(useless), None, "{useless}");
        }
    }
}
