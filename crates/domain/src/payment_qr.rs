//! The text of a payment's QR code: what a payer's app reads from an invoice, with our reference in
//! it. In euro EPC069-12, in Singapore dollars PayNow in the form of EMVCo (SGQR).

pub mod check;

use super::money::Money;

/// Where payments in euro go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EuroPayee {
    /// At most 70 characters.
    pub name: String,
    /// Letters and digits.
    pub iban: String,
    pub bic: Option<String>,
}

/// Where payments in Singapore dollars go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayNowPayee {
    /// At most 25 ASCII characters.
    pub name: String,
    /// The number of the company, to which its bank account is bound.
    pub uen: String,
}

/// Whom invoices are to be paid to; a currency without a payee has no code.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PaymentQr {
    pub euro: Option<EuroPayee>,
    pub paynow: Option<PayNowPayee>,
}

/// The most that a code of either kind can say: 999,999,999.99.
const MICROS_MAX: i64 = 999_999_999_990_000;
/// The largest text of a credit transfer.
const EPC_BYTES_MAX: usize = 331;

impl PaymentQr {
    /// The kind and the text of the code for a payment; none if there is no payee in its currency.
    pub fn of(&self, amount: Money, reference: &str) -> Option<(&'static str, String)> {
        if !amount.is_positive() || amount.to_micros().ok()? > MICROS_MAX {
            return None;
        }
        match amount.code() {
            "EUR" => {
                let text = epc(self.euro.as_ref()?, amount, reference);
                (text.len() <= EPC_BYTES_MAX).then_some(("epc069-12", text))
            }
            "SGD" => {
                self.paynow.as_ref().map(|payee| ("sgqr-paynow", paynow(payee, amount, reference)))
            }
            _ => None,
        }
    }
}

/// Version 2, UTF-8, a credit transfer with a structured reference.
fn epc(payee: &EuroPayee, amount: Money, reference: &str) -> String {
    let bic = payee.bic.as_deref().unwrap_or_default();
    let (name, iban, amount) = (&payee.name, &payee.iban, amount.number());
    format!("BCD\n002\n1\nSCT\n{bic}\n{name}\n{iban}\nEUR{amount}\n\n{reference}")
}

fn paynow(payee: &PayNowPayee, amount: Money, reference: &str) -> String {
    // To a company's number, and the amount is not to be changed.
    let proxy =
        [field("00", "SG.PAYNOW"), field("01", "2"), field("02", &payee.uen), field("03", "0")];
    let parts = [
        field("00", "01"),
        field("01", "12"),
        field("26", &proxy.concat()),
        field("52", "0000"),
        field("53", "702"),
        field("54", &amount.number()),
        field("58", "SG"),
        field("59", &payee.name),
        field("60", "Singapore"),
        field("62", &field("01", reference)),
        // The check covers its own name and length.
        "6304".to_owned(),
    ];
    let text = parts.concat();
    let check = crc16(text.as_bytes());
    format!("{text}{check:04X}")
}

/// Name, two digits of length, value. No value here is longer than 99.
fn field(name: &str, value: &str) -> String {
    format!("{name}{:02}{value}", value.len())
}

/// CRC-16/CCITT-FALSE.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::matching::reference;
    use crate::money::Currency;

    fn settings() -> PaymentQr {
        PaymentQr {
            euro: Some(EuroPayee {
                name: "Müller Telecom GmbH".to_owned(),
                iban: "DE89370400440532013000".to_owned(),
                bic: Some("COBADEFFXXX".to_owned()),
            }),
            paynow: Some(PayNowPayee {
                name: "ACME TELECOM PTE LTD".to_owned(),
                uen: "201912345K".to_owned(),
            }),
        }
    }

    fn money(text: &str, currency: &str) -> Money {
        Money::parse(text, Currency::parse(currency).expect("currency")).expect("amount")
    }

    /// A reader of its own: name, length, value, until nothing is left.
    fn fields(mut text: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        while !text.is_empty() {
            let (name, rest) = text.split_at(2);
            let (length, rest) = rest.split_at(2);
            let (value, rest) = rest.split_at(length.parse().expect("a length"));
            found.push((name.to_owned(), value.to_owned()));
            text = rest;
        }
        found
    }

    /// The check by a table, as readers have it: another way than ours.
    fn checked(text: &str) -> bool {
        let (body, check) = text.split_at(text.len() - 4);
        let table: Vec<u32> = (0..256_u32)
            .map(|index| {
                let mut value = index << 8;
                for _ in 0..8 {
                    value = if value & 0x8000 != 0 { value << 1 ^ 0x1021 } else { value << 1 };
                }
                value & 0xffff
            })
            .collect();
        let mut crc = 0xffff_u32;
        for byte in body.bytes() {
            let at = usize::try_from((crc >> 8 ^ u32::from(byte)) & 0xff).expect("a byte");
            crc = (crc << 8 ^ table[at]) & 0xffff;
        }
        u32::from_str_radix(check, 16) == Ok(crc)
    }

    #[test]
    fn a_reader_of_paynow_finds_payee_amount_and_reference() {
        assert_eq!(crc16(b"123456789"), 0x29b1, "the published check value");
        let reference = reference::mint(&[7; 32]);
        let (kind, text) = settings().of(money("100.5", "SGD"), &reference).expect("a code");
        assert_eq!(kind, "sgqr-paynow");
        assert!(checked(&text), "{text}");
        assert!(!checked(&text.replace("100.50", "900.50")), "{text}");
        let all = fields(&text);
        let of = |list: &[(String, String)], name: &str| {
            let found = list.iter().find(|(other, _)| other == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let proxy = fields(&of(&all, "26"));
        assert_eq!(of(&proxy, "00"), "SG.PAYNOW");
        assert_eq!((of(&proxy, "01"), of(&proxy, "02")), ("2".into(), "201912345K".into()));
        assert_eq!(of(&proxy, "03"), "0", "the amount is fixed");
        assert_eq!((of(&all, "53"), of(&all, "54")), ("702".into(), "100.50".into()));
        assert_eq!((of(&all, "00"), of(&all, "01")), ("01".into(), "12".into()));
        assert_eq!((of(&all, "58"), of(&all, "59")), ("SG".into(), "ACME TELECOM PTE LTD".into()));
        assert_eq!(of(&fields(&of(&all, "62")), "01"), reference);
        assert_eq!(all.first().map(|(name, _)| name.as_str()), Some("00"));
        assert_eq!(all.last().map(|(name, _)| name.as_str()), Some("63"));
        assert!(all.windows(2).all(|pair| pair[0].0 < pair[1].0), "{all:?}");
    }

    #[test]
    fn a_reader_of_epc_finds_payee_amount_and_reference() {
        let reference = reference::mint(&[7; 32]);
        let (kind, text) = settings().of(money("1234.5", "EUR"), &reference).expect("a code");
        assert_eq!(kind, "epc069-12");
        let lines: Vec<&str> = text.split('\n').collect();
        assert_eq!(lines[..4], ["BCD", "002", "1", "SCT"]);
        assert_eq!(lines[4..7], ["COBADEFFXXX", "Müller Telecom GmbH", "DE89370400440532013000"]);
        let amount = lines[7].strip_prefix("EUR").expect("euro");
        assert_eq!(amount.parse(), Ok(rust_decimal::Decimal::new(123_450, 2)));
        assert_eq!((lines[8], lines[9], lines.len()), ("", reference.as_str(), 10));
        assert!(reference::verifies(lines[9]) && text.len() <= 331);
        let bare = PaymentQr {
            euro: settings().euro.map(|payee| EuroPayee { bic: None, ..payee }),
            paynow: None,
        };
        let (_, text) = bare.of(money("0.01", "EUR"), &reference).expect("a code");
        assert_eq!(text.split('\n').nth(4), Some(""));
    }

    proptest! {
        #[test]
        fn every_amount_and_name_can_be_read_back(
            cents in 1_i64..=99_999_999_999, name in "\\PC{1,70}", ascii in "[ -~]{1,25}",
            seed in any::<u8>(), bic in any::<bool>(),
        ) {
            let reference = reference::mint(&[seed; 32]);
            let mut codes = settings();
            if let (Some(euro), Some(paynow)) = (&mut codes.euro, &mut codes.paynow) {
                euro.name.clone_from(&name);
                euro.bic = euro.bic.take().filter(|_| bic);
                paynow.name.clone_from(&ascii);
            }
            let amount = |code| {
                let currency = Currency::parse(code).expect("currency");
                Money::from_micros(cents * 10_000, currency)
            };
            let plain = format!("{}.{:02}", cents / 100, cents % 100);
            match codes.of(amount("EUR"), &reference) {
                Some((_, text)) => {
                    let lines: Vec<&str> = text.split('\n').collect();
                    prop_assert!(text.len() <= 331 && lines.len() == 10, "{}", text);
                    prop_assert_eq!(lines[5], name.as_str());
                    prop_assert_eq!(lines[7], format!("EUR{plain}"));
                    prop_assert_eq!(lines[9], reference.as_str());
                }
                // Only what is too long for a code has none.
                None => prop_assert!(name.len() > 200, "{}", name.len()),
            }
            let (_, text) = codes.of(amount("SGD"), &reference).expect("a code");
            prop_assert!(checked(&text));
            let read = fields(&text);
            let of = |name: &str| read.iter().find(|f| f.0 == name).map(|f| f.1.clone());
            prop_assert_eq!(of("54"), Some(plain));
            prop_assert_eq!(of("59"), Some(ascii));
            prop_assert!(read.iter().all(|field| field.1.len() <= 99));
        }
    }

    #[test]
    fn there_is_no_code_without_a_payee_or_beyond_what_it_can_say() {
        let (all, none) = (settings(), PaymentQr::default());
        for currency in ["EUR", "SGD"] {
            assert!(none.of(money("1", currency), "RF").is_none());
            assert!(all.of(money("0", currency), "RF").is_none());
            assert!(all.of(money("999999999.99", currency), "RF").is_some());
            assert!(all.of(money("1000000000", currency), "RF").is_none());
        }
        assert!(all.of(money("1", "USD"), "RF").is_none());
        let long = |times| PaymentQr {
            euro: settings().euro.map(|payee| EuroPayee { name: "😀".repeat(times), ..payee }),
            paynow: None,
        };
        let reference = reference::mint(&[7; 32]);
        let fits = long(50).of(money("1", "EUR"), &reference);
        assert!(fits.is_some_and(|(_, text)| text.len() <= 331));
        assert!(long(70).of(money("1", "EUR"), &reference).is_none());
    }
}
