//! One reference in the forms in which banks carry it: with zeros before it, and a viitenumero as
//! ISO 11649 and the other way.

use super::reference;
use crate::matching::upstream::{Scheme, unpadded};
use crate::money::Currency;

/// The other forms of a reference whose check digits verify; each of them verifies as well.
pub(super) fn others(key: &str, currency: Currency) -> Vec<String> {
    let mut found = Vec::new();
    let body = key.get(4..).filter(|_| reference::verifies(key)).unwrap_or(key);
    let finnish = currency.code() == "EUR";
    let plain = unpadded(body).unwrap_or(body);
    let viite = finnish && Scheme::Viite.verifies(plain);
    if body.len() < key.len() {
        // `RF77 0006 9989 7530`: zeros do not change its check digits.
        let head = key.get(..4).unwrap_or_default();
        found.extend(unpadded(body).map(|plain| format!("{head}{plain}")));
        found.extend(viite.then(|| plain.to_owned()));
    } else {
        found.extend(unpadded(key).map(str::to_owned));
        found.extend(viite.then(|| reference::of_body(plain)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_found_in_its_other_forms() {
        let of = |key: &str, code: &str| others(key, Currency::parse(code).expect("known"));
        assert_eq!(of("00000000000681458725", "EUR")[0], "681458725");
        assert_eq!(of("00005971782635", "NOK"), ["5971782635"]);
        assert_eq!(of("RF77699897530", "EUR"), ["699897530"]);
        assert_eq!(of("RF77000699897530", "EUR"), ["RF77699897530", "699897530"]);
        assert_eq!(of("699897530", "EUR"), ["RF77699897530"]);
        for (key, code) in [("699897530", "NOK"), ("RF18539007547034", "SGD"), ("0001", "EUR")] {
            assert_eq!(of(key, code), Vec::<String>::new(), "{key} {code}");
        }
    }
}
