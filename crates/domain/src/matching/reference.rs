//! ISO 11649 creditor references: `RF`, two check digits, a body.
//!
//! The check is mod 97 over body + `RF` + check digits with letters as 10…35, so one mistyped
//! character or two swapped neighbours never verify, and can never name another invoice.

/// The body we mint: thirteen characters of 31 make 2.4e19 values, so among ten million
/// invoices a collision has a chance of 2e-6 (and is refused by a unique constraint).
const BODY_LENGTH: usize = 13;
/// No letter that is taken for a digit: O, I, L, S, B are left out, so folding them is safe.
const BODY_ALPHABET: &[u8; 31] = b"0123456789ACDEFGHJKMNPQRTUVWXYZ";
/// `RF`, two digits, one to twenty-one characters.
pub(super) const LENGTH: std::ops::RangeInclusive<usize> = 5..=25;

/// The reference that is minted if those before it are taken, the first of all by 0: another one
/// for each number, without end.
pub fn mint_nth(entropy: &[u8; 32], number: usize) -> String {
    let mut turned = *entropy;
    let turns = turned.len();
    turned.rotate_left(number % turns);
    // Once around, four of the characters are counted on.
    let round = u64::try_from(number / turns).unwrap_or(u64::MAX).to_be_bytes();
    for (byte, more) in turned.iter_mut().zip(round) {
        *byte ^= more;
    }
    mint(&turned)
}

/// Mints the reference that `entropy` (a record's content hash) determines.
pub fn mint(entropy: &[u8; 32]) -> String {
    let mut body = String::with_capacity(BODY_LENGTH);
    // Two bytes a character: 65,536 values over 31 leave a bias below 0.05 %.
    for pair in entropy.chunks_exact(2).take(BODY_LENGTH) {
        let value = pair.iter().fold(0_usize, |value, byte| (value << 8) | usize::from(*byte));
        let character = BODY_ALPHABET[value % BODY_ALPHABET.len()];
        body.push(char::from(character));
    }
    of_body(&body)
}

/// The reference with that body: digits and capital letters.
pub(super) fn of_body(body: &str) -> String {
    let check = 98_u32.saturating_sub(remainder(body.bytes().chain(*b"RF00")).unwrap_or(0));
    format!("RF{check:02}{body}")
}

/// Whether `text` (upper case, no separators) is a reference whose check digits verify.
pub fn verifies(text: &str) -> bool {
    let bytes = text.as_bytes();
    if !LENGTH.contains(&bytes.len()) || !text.starts_with("RF") {
        return false;
    }
    let check_digits = bytes.iter().skip(2).take(2).all(u8::is_ascii_digit);
    let rotated = bytes.iter().skip(4).chain(bytes.iter().take(4)).copied();
    check_digits && remainder(rotated) == Some(1)
}

/// Whether letters and digits are an international bank account number: the same check digits.
pub fn is_iban(text: &str) -> bool {
    let rotated = text.bytes().skip(4).chain(text.bytes().take(4));
    may_begin_iban(text) && remainder(rotated) == Some(1)
}

/// A country's two letters, then check digits, as far as there are any.
pub(super) fn may_begin_iban(text: &str) -> bool {
    let letters = text.bytes().take(2).all(|byte| byte.is_ascii_uppercase());
    letters && text.bytes().skip(2).take(2).all(|byte| byte.is_ascii_digit())
}

/// Mod 97 of the characters as decimal numbers; none if one is not of `0-9A-Z`.
fn remainder(characters: impl Iterator<Item = u8>) -> Option<u32> {
    characters.into_iter().try_fold(0_u32, |sum, byte| match byte {
        b'0'..=b'9' => Some((sum * 10 + u32::from(byte - b'0')) % 97),
        b'A'..=b'Z' => Some((sum * 100 + u32::from(byte - b'A') + 10) % 97),
        _ => None,
    })
}

/// Where a checked reference was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReferencePlace {
    /// In the structured reference or the payer's text (R2).
    Reference,
    /// In the end-to-end id: we had issued it (R3).
    EndToEnd,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minted(seed: u8) -> String {
        let mut entropy = [seed; 32];
        for (index, byte) in entropy.iter_mut().enumerate() {
            *byte = byte.wrapping_mul(31).wrapping_add(u8::try_from(index).expect("small") * 7);
        }
        mint(&entropy)
    }

    #[test]
    fn known_references_verify() {
        for good in ["RF18539007547034", "RF471234567890"] {
            assert!(verifies(good), "{good}");
        }
        for bad in ["", "RF", "RF18", "RF19539007547034", "rf18539007547034", "XX18539007547034"] {
            assert!(!verifies(bad), "{bad}");
        }
    }

    #[test]
    fn one_typo_or_swap_never_verifies() {
        for seed in 0..40 {
            let reference = minted(seed);
            assert!(verifies(&reference), "{reference}");
            let characters: Vec<char> = reference.chars().collect();
            for position in 2..characters.len() {
                for replacement in ('0'..='9').chain('A'..='Z') {
                    let mut typo = characters.clone();
                    typo[position] = replacement;
                    let typo: String = typo.into_iter().collect();
                    // A letter and a digit may share a remainder only where lengths differ.
                    let same_kind =
                        replacement.is_ascii_digit() == characters[position].is_ascii_digit();
                    assert!(typo == reference || !same_kind || !verifies(&typo), "{typo}");
                }
                if position + 1 < characters.len() {
                    let mut swap = characters.clone();
                    swap.swap(position, position + 1);
                    let swap: String = swap.into_iter().collect();
                    let both_digits = characters[position].is_ascii_digit()
                        && characters[position + 1].is_ascii_digit();
                    assert!(swap == reference || !both_digits || !verifies(&swap), "{swap}");
                }
            }
        }
    }
}
