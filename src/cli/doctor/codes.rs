//! Whether invoices get the QR codes that the settings mean them to have.

use super::{Check, Verdict, ok, verdict};
use crate::config::Config;
use crate::domain::money::{Currency, Money};

const CODES: &str = "payment codes";
/// A reference has this many characters: the longest that a code has to hold.
const REFERENCE: &str = "RF00XXXXXXXXXXXXX";

/// Nothing is said where no code is wanted.
pub(super) fn judged(config: &Config) -> Vec<Check> {
    let set = &config.payment_qr;
    let codes = config.payment_qr();
    let drawn = |code: &str| {
        let currency = Currency::parse(code).ok()?;
        codes.of(Money::from_micros(999_999_999_990_000, currency), REFERENCE)
    };
    let some = |value: &Option<String>| value.as_ref().is_some_and(|v| !v.trim().is_empty());
    let euro = [
        ("payment_qr.eur_name", some(&set.eur_name)),
        ("payment_qr.eur_iban", some(&set.eur_iban)),
    ];
    let paynow =
        [("payment_qr.sgd_name", some(&set.sgd_name)), ("payment_qr.sgd_uen", some(&set.sgd_uen))];
    let of_euro = judge("EUR", &euro, some(&set.eur_bic), drawn("EUR").is_some());
    let of_paynow = judge("SGD", &paynow, false, drawn("SGD").is_some());
    of_euro.into_iter().chain(of_paynow).collect()
}

fn judge(
    currency: &str,
    settings: &[(&'static str, bool)],
    wanted: bool,
    drawn: bool,
) -> Option<Check> {
    let missing: Vec<&str> =
        settings.iter().filter(|(_, set)| !set).map(|(name, _)| *name).collect();
    let wanted = wanted || missing.len() < settings.len();
    match (wanted, missing.is_empty(), drawn) {
        (false, _, _) => None,
        (true, true, true) => Some(ok(CODES, format!("invoices in {currency} have one"))),
        (true, true, false) => {
            let found = format!("invoices in {currency} have none: the name is too long for it");
            let how = format!("shorten {}", settings.first().map_or("", |first| first.0));
            Some(verdict(Verdict::Warn, CODES, found, how))
        }
        (true, false, _) => {
            let found = format!("invoices in {currency} have none: a setting is missing");
            let how = format!("set {}, or none of {currency}", missing.join(" and "));
            Some(verdict(Verdict::Warn, CODES, found, how))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_lacks_a_setting_is_told() {
        let told = |name: bool, iban: bool, bic: bool, drawn: bool| {
            let euro = [("payment_qr.eur_name", name), ("payment_qr.eur_iban", iban)];
            judge("EUR", &euro, bic, drawn).map(|check| (check.verdict, check.what_to_do))
        };
        assert_eq!(told(false, false, false, false), None);
        assert_eq!(told(true, true, false, true), Some((Verdict::Ok, String::new())));
        let how = "set payment_qr.eur_name, or none of EUR".to_owned();
        assert_eq!(told(false, true, false, false), Some((Verdict::Warn, how)));
        let how = "set payment_qr.eur_name and payment_qr.eur_iban, or none of EUR".to_owned();
        assert_eq!(told(false, false, true, false), Some((Verdict::Warn, how)));
        let how = "shorten payment_qr.eur_name".to_owned();
        assert_eq!(told(true, true, true, false), Some((Verdict::Warn, how)));
    }
}
