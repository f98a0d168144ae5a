//! Keys that are made of several parts. Each has one fixed form, and two different tuples of parts
//! never give the same key: what separates the parts is escaped within them.

use std::borrow::Cow;

use crate::ids::AccountId;
use crate::keys;

/// A part of a key as it stands beside others: `%` and the separator are escaped as in a URL, so
/// that nearly every part stays as people know it. `key_part` in the database does the same.
pub fn part(text: &str, separator: char) -> Cow<'_, str> {
    if !text.contains(['%', separator]) {
        return Cow::Borrowed(text);
    }
    let escaped = format!("%{:02X}", u32::from(separator));
    Cow::Owned(text.replace('%', "%25").replace(separator, &escaped))
}

/// A part as it was before [`part`] escaped it.
pub fn whole(part: &str, separator: char) -> String {
    let escaped = format!("%{:02X}", u32::from(separator));
    part.replace(&escaped, separator.encode_utf8(&mut [0; 4])).replace("%25", "%")
}

/// Two parts with a slash between them.
pub fn joined(first: &str, second: &str) -> String {
    format!("{}/{}", part(first, '/'), part(second, '/'))
}

/// What a parked or held payment waits for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WatchKey(pub String);

impl WatchKey {
    pub fn reference(reference: &str) -> Self {
        Self(format!("ref:{reference}"))
    }

    pub fn number(number_key: &str) -> Self {
        Self(format!("number:{number_key}"))
    }

    pub fn account(account_id: &AccountId, currency: crate::money::Currency) -> Self {
        Self(format!("{}{currency}", Self::account_prefix(account_id)))
    }

    /// That the closed account is opened again.
    pub fn reopened(account_id: &AccountId) -> Self {
        Self(format!("reopened:{account_id}"))
    }

    /// What the keys of this account begin with, and of no other.
    pub fn account_prefix(account_id: &AccountId) -> String {
        format!("account:{}:", keys::part(account_id.as_str(), ':'))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::hash::Hash;

    use chrono::{TimeZone, Utc};
    use proptest::prelude::*;

    use super::*;
    use crate::bank::entry_of;
    use crate::bank::{BankTransaction, CreditDebit, EntryDetail};
    use crate::decide::bank::{bank_key, payment_id, payment_id_instead};
    use crate::effect::Need;
    use crate::event::EventKey;
    use crate::ids::{AccountId, BankAccountId, HoldId, InvoiceId, PaymentId, UsageId};
    use crate::keys::WatchKey;
    use crate::money::Currency;
    use crate::testkit::credit;

    /// Short texts of separators, escapes, digits and the words that keys begin with: what collides
    /// if anything does.
    fn text() -> impl Strategy<Value = String> {
        const WORDS: &[&str] =
            &["/", ":", "%", "%2F", "%3A", "1", "A", "id:", "detail:1:", "entry:", "S/1"];
        proptest::collection::vec(proptest::sample::select(WORDS), 1..4)
            .prop_map(|words| words.concat())
    }

    /// The same of the characters that our own ids may have.
    fn id() -> impl Strategy<Value = String> {
        const WORDS: &[&str] =
            &[":", "1", "A", "SGD", "id:", "detail:1:", "-", "account:", "usage:"];
        proptest::collection::vec(proptest::sample::select(WORDS), 1..4)
            .prop_map(|words| words.concat())
    }

    /// Every key has one tuple of parts.
    fn injective<P: Clone + Eq + std::fmt::Debug, K: Hash + Eq + std::fmt::Debug>(
        all: &[P],
        key: impl Fn(&P) -> K,
    ) -> Result<(), TestCaseError> {
        let mut seen: HashMap<K, P> = HashMap::new();
        for parts in all {
            let key = key(parts);
            if let Some(before) = seen.insert(key, parts.clone()) {
                prop_assert_eq!(&before, parts, "one key of two");
            }
        }
        Ok(())
    }

    /// What identifies a bank record: the account, the names that the bank gives, the place.
    type Named = (String, Option<String>, Option<(String, String)>, Option<u32>, u8);

    fn named() -> impl Strategy<Value = Named> {
        let entry = proptest::option::of((text(), text()));
        let place = proptest::option::of(1..3_u32);
        (id(), proptest::option::of(text()), entry, place, 0..3_u8)
    }

    /// What a key must tell apart of it: the bank's id comes before the entry.
    fn telling((account, id, entry, place, way): &Named) -> Option<Named> {
        let entry = if id.is_some() { None } else { Some(entry.clone()?) };
        // A step back is told apart from a payment where both may have the id of the payment.
        let way = if id.is_some() { *way } else { 0 };
        Some((account.clone(), id.clone(), entry, *place, way))
    }

    fn record((account, id, entry, place, way): &Named) -> BankTransaction {
        let detail = |index| EntryDetail { index, entry_amount: None, entry_details: None };
        BankTransaction {
            bank_account: BankAccountId::trusted(account),
            bank_transaction_id: id.clone(),
            statement_id: entry.as_ref().map(|entry| entry.0.clone()),
            entry_reference: entry.as_ref().map(|entry| entry.1.clone()),
            detail: place.map(detail),
            reversal: *way > 0,
            credit_debit: if *way == 1 { CreditDebit::Debit } else { CreditDebit::Credit },
            ..credit("-", "5")
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn two_bank_records_never_have_one_key_nor_one_payment(
            all in proptest::collection::vec(named(), 40)
        ) {
            // The statement's own name at an entry names nothing: the content does.
            let names = |parts: &Named| parts.1.is_some() || entry_of(&record(parts)).is_some();
            let all: Vec<Named> = all.iter().filter_map(telling).filter(names).collect();
            let key = |parts: &Named| bank_key(&record(parts), &[7; 32], 1);
            injective(&all, key)?;
            let mut ids = all.iter().map(|parts| (parts, false)).collect::<Vec<_>>();
            ids.extend(all.iter().map(|parts| (parts, true)));
            injective(&ids, |(parts, instead)| {
                let key = key(parts);
                if *instead { payment_id_instead(&key) } else { payment_id(&key) }
            })?;
        }

        #[test]
        fn two_things_that_are_watched_or_awaited_never_have_one_key(
            all in proptest::collection::vec((0..6_u8, id(), id(), any::<bool>()), 60)
        ) {
            let currency = |usd: bool| Currency::parse(if usd { "USD" } else { "SGD" });
            let watched: Vec<_> = all.iter().map(|(kind, one, _, usd)| {
                (kind % 3, one.clone(), *usd && kind % 3 == 2)
            }).collect();
            injective(&watched, |(kind, one, usd)| match kind {
                0 => WatchKey::reference(one),
                1 => WatchKey::number(one),
                _ => {
                    let currency = currency(*usd).expect("known");
                    WatchKey::account(&AccountId::trusted(one), currency)
                }
            })?;
            let alone = |kind: u8, two: &String| {
                if matches!(kind, 2 | 3) { two.clone() } else { String::new() }
            };
            let of: Vec<_> = all.iter().map(|(kind, one, two, _)| {
                (*kind, if *kind > 4 { String::new() } else { one.clone() }, alone(*kind, two))
            }).collect();
            let need = |(kind, one, two): &(u8, String, String)| match kind {
                0 => Need::Invoice(InvoiceId::trusted(one)),
                1 => Need::Payment(PaymentId::trusted(one)),
                2 => Need::Charge(AccountId::trusted(one), UsageId::trusted(two)),
                3 => Need::Hold(AccountId::trusted(one), HoldId::trusted(two)),
                4 => Need::Proof(Utc.timestamp_nanos(i64::try_from(one.len()).expect("short"))),
                _ => Need::Version,
            };
            let needs: Vec<_> = of.iter().filter(|parts| parts.0 != 4).cloned().collect();
            injective(&needs, |parts| need(parts).key())?;
            // The queue of an account's commands is none of a charge or a hold.
            let queues: Vec<_> = of.iter().filter(|parts| matches!(parts.0, 2..=4)).collect();
            injective(&queues, |parts| match parts.0 {
                4 => parts.1.clone(),
                _ => need(parts).key(),
            })?;
            let told: Vec<_> = all.iter().map(|(kind, one, _, _)| {
                (kind % 3, one.clone(), i64::from(*kind))
            }).collect();
            injective(&told, |(kind, one, sequence)| match kind {
                0 => EventKey::Account(AccountId::trusted(one)).event_id(*sequence),
                1 => EventKey::Payment(PaymentId::trusted(one)).event_id(*sequence),
                _ => EventKey::Bank(BankAccountId::trusted(one)).event_id(*sequence),
            })?;
        }

        #[test]
        fn a_join_says_what_was_joined(one in text(), two in text(), other in text()) {
            injective(
                &[(one.clone(), two.clone()), (two.clone(), one.clone()),
                  (one.clone(), other.clone()), (other, two)],
                |(first, second)| joined(first, second),
            )?;
            // A prefix of one account's keys is a prefix of no other's.
            let account = AccountId::trusted("A");
            let nested = AccountId::trusted("A:B");
            let sgd = Currency::parse("SGD").expect("SGD");
            let prefix = WatchKey::account_prefix(&account);
            prop_assert!(WatchKey::account(&account, sgd).0.starts_with(&prefix));
            prop_assert!(!WatchKey::account(&nested, sgd).0.starts_with(&prefix));
        }
    }
}
