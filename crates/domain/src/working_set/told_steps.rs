//! Money that the bank took back, or gave back again, of the days and amounts of a batch: the same
//! may be told twice, once with the bank's id and once without, or in two statements.

use std::collections::BTreeMap;

use foldhash::{HashMap, HashSet};

use crate::bank::{BankTransaction, Direction, EntryStatus};
use crate::effect::BankRecord;
use crate::ids::BankKey;
use crate::want::Want;
use crate::working_set::WorkingSet;
use crate::working_set::alike::{
    SameMoney, Text, are_of_one_payer, are_two_entries, of_one_statement,
};

/// Steps back of one bank account, day and amount that a record is compared with. Where there are
/// more, a person says what it is.
pub const OF_ONE_DAY_MAX: usize = 5_000;

/// Earlier steps back, and those that may be one of them.
#[derive(Debug, Clone, Default)]
pub struct ToldSteps {
    by_money: HashMap<SameMoney, BTreeMap<BankKey, BankTransaction>>,
    /// What was asked for: of what is true here all, else what has no id.
    asked: HashMap<SameMoney, bool>,
    /// Records that wait for a person's word whether they are earlier ones.
    pub in_doubt: HashSet<BankKey>,
}

impl ToldSteps {
    /// Takes a record; one that takes nothing back is not kept.
    pub fn record(&mut self, record: &BankRecord) {
        let bank = &record.transaction;
        if is_step(bank) {
            let of = self.by_money.entry(SameMoney::of(bank)).or_default();
            of.insert(record.key.clone(), bank.clone());
        }
    }

    pub(super) fn ask(&mut self, same: SameMoney, all: bool) {
        *self.asked.entry(same).or_default() |= all;
    }

    fn earlier(&self, bank: &BankTransaction, same: &SameMoney) -> Option<&BankKey> {
        let known = self.by_money.get(same)?;
        let text = Text::of(bank);
        let again = known.iter().find(|(_, other)| may_be(bank, &text, other));
        let too_many = known.len() > OF_ONE_DAY_MAX;
        again.or_else(|| known.iter().next().filter(|_| too_many)).map(|(key, _)| key)
    }
}

impl WorkingSet {
    /// The earlier record that this step back may be again.
    pub fn told_before(&self, bank: &BankTransaction) -> Option<&BankKey> {
        let same = SameMoney::of(bank);
        // Two that have an id are never one.
        let all = bank.bank_transaction_id.is_none();
        if !self.complete && self.told_steps.asked.get(&same).is_none_or(|known| all && !known) {
            self.misses(Want::ToldSteps(same, all));
            return None;
        }
        self.told_steps.earlier(bank, &same)
    }
}

fn is_step(bank: &BankTransaction) -> bool {
    let step = matches!(bank.direction(), Direction::Return | Direction::BouncedRefund);
    step && bank.status == EntryStatus::Booked && bank.amount.is_positive()
}

/// Two ids of the bank are two facts, and so are two entries of one statement. Else it is the same
/// unless something that both say tells them apart.
fn may_be(bank: &BankTransaction, text: &Text, other: &BankTransaction) -> bool {
    if bank.direction() != other.direction() {
        return false;
    }
    let two = match (&bank.bank_transaction_id, &other.bank_transaction_id) {
        (Some(_), Some(_)) => true,
        (None, None) => of_one_statement(bank, other),
        (Some(_), None) | (None, Some(_)) => are_two_entries(bank, other),
    };
    let named = |bank: &BankTransaction| {
        bank.return_of.as_ref().and_then(|of| of.bank_transaction_id.clone())
    };
    let (id, other_id) = (named(bank), named(other));
    let (order, other_order) = (bank.original_end_to_end(), other.original_end_to_end());
    let apart = id.as_ref().zip(other_id.as_ref()).is_some_and(|(id, other)| id != other)
        || order.zip(other_order).is_some_and(|(order, other)| order != other);
    let same_original = id.is_some() && id == other_id || order.is_some() && order == other_order;
    !two && !apart
        && are_of_one_payer(bank, other)
        && (same_original || text.is_like(&Text::of(other)))
}

#[cfg(test)]
mod for_tests {
    use super::*;

    impl ToldSteps {
        /// All of that day, as the other has it.
        pub(crate) fn know_day(&mut self, other: &Self, same: &SameMoney) {
            let all = other.by_money.get(same).cloned();
            self.by_money.extend(all.map(|all| (same.clone(), all)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::{CreditDebit, ReturnOf};
    use crate::testkit::*;

    fn step(id: Option<&str>, of: Option<&str>) -> BankTransaction {
        BankTransaction {
            bank_transaction_id: id.map(str::to_owned),
            credit_debit: CreditDebit::Debit,
            return_of: Some(ReturnOf {
                bank_transaction_id: of.map(str::to_owned),
                end_to_end_id: None,
                reason: None,
            }),
            ..credit("-", "5")
        }
    }

    fn same(left: &BankTransaction, right: &BankTransaction) -> bool {
        let one = may_be(left, &Text::of(left), right);
        assert_eq!(one, may_be(right, &Text::of(right), left));
        one
    }

    #[test]
    fn a_return_is_told_again_unless_something_says_otherwise() {
        let by_entry = |statement: &str, entry: &str| BankTransaction {
            statement_id: Some(statement.to_owned()),
            entry_reference: Some(entry.to_owned()),
            ..step(None, Some("B1"))
        };
        assert!(same(&step(Some("R1"), Some("B1")), &step(None, Some("B1"))));
        assert!(same(&step(Some("R1"), Some("B1")), &step(None, None)));
        assert!(same(&by_entry("DAY-5", "3"), &by_entry("MONTH-1", "77")));
        assert!(!same(&by_entry("DAY-5", "3"), &by_entry("DAY-5", "4")));
        assert!(!same(&step(Some("R1"), Some("B1")), &step(Some("R2"), Some("B1"))));
        assert!(!same(&step(Some("R1"), Some("B1")), &step(None, Some("B2"))));
        let from = |payer: &str| BankTransaction {
            debtor_account: Some(payer.to_owned()),
            ..step(None, None)
        };
        assert!(!same(&step(Some("R1"), None), &credit("R1", "5")));
        let with_id = BankTransaction { bank_transaction_id: Some("R1".into()), ..from("PAYERA") };
        assert!(same(&with_id, &from("payer-a")) && !same(&with_id, &from("PAYERB")));
    }
}
