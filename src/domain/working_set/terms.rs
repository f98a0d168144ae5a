//! What a stored record of the bank says of its money, beside which another record under the same
//! name is put.

use chrono::{Datelike, NaiveDate, TimeDelta};

use crate::domain::bank::{BankTransaction, CreditDebit, end_to_end_of};
use crate::domain::matching::text::payer_account;
use crate::domain::money::Money;

/// A correction of the day of booking is no further away.
const CORRECTED_WITHIN: TimeDelta = TimeDelta::days(60);

/// The money of a record: how much, which way, when, from whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub amount: Money,
    pub credit_debit: CreditDebit,
    pub reversal: bool,
    pub booking_date: NaiveDate,
    pub value_date: Option<NaiveDate>,
    /// As the bank wrote them.
    pub payer: Option<String>,
    pub end_to_end: Option<String>,
    /// The bank's id of what it returns.
    pub returns: Option<String>,
    /// The statement that it names. It tells nothing apart: an entry is of every statement that
    /// names it.
    pub statement: Option<String>,
}

impl Terms {
    #[must_use]
    pub fn of(bank: &BankTransaction) -> Self {
        let returns = bank.return_of.as_ref().and_then(|of| of.bank_transaction_id.clone());
        Self {
            amount: bank.amount,
            credit_debit: bank.credit_debit,
            reversal: bank.reversal,
            booking_date: bank.booking_date,
            value_date: bank.value_date,
            payer: bank.debtor_account.clone(),
            end_to_end: bank.end_to_end_id.clone(),
            returns,
            statement: bank.statement_id.clone(),
        }
    }

    /// Whether the record says the same of the money, in other words: banks tell more of it in a
    /// later statement. What only one of them says tells nothing apart.
    #[must_use]
    pub fn are_told_again(&self, bank: &BankTransaction) -> bool {
        let other = Self::of(bank);
        let same = |left: Option<String>, right: Option<String>| {
            left.zip(right).is_none_or(|(left, right)| left == right)
        };
        let payer = |terms: &Self| terms.payer.as_deref().and_then(payer_account);
        let order =
            |terms: &Self| terms.end_to_end.as_deref().and_then(end_to_end_of).map(str::to_owned);
        let days = self.value_date.zip(other.value_date);
        (self.amount, self.credit_debit, self.reversal, self.booking_date)
            == (other.amount, other.credit_debit, other.reversal, other.booking_date)
            && days.is_none_or(|(left, right)| left == right)
            && same(payer(self), payer(&other))
            && same(order(self), order(&other))
            && same(self.returns.clone(), other.returns.clone())
    }

    /// Whether an entry of this name is another one: statements are numbered by currency, and each
    /// year anew. The same amount near the end of a year may be a corrected day.
    #[must_use]
    pub fn are_of_another_book(&self, bank: &BankTransaction) -> bool {
        let apart = self.booking_date.signed_duration_since(bank.booking_date).abs();
        let near = self.amount == bank.amount && apart <= CORRECTED_WITHIN;
        self.amount.currency() != bank.amount.currency()
            || self.booking_date.year() != bank.booking_date.year() && !near
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testkit::*;

    #[test]
    fn other_words_are_no_other_money() {
        let first = credit_saying("T-1", "5", &["Topup"]);
        let terms = Terms::of(&first);
        let more = BankTransaction {
            unstructured: vec!["Topup of INV-1".to_owned()],
            debtor_name: Some("Acme".to_owned()),
            debtor_account: Some("PAYERA".to_owned()),
            value_date: Some(first.booking_date),
            ..first.clone()
        };
        assert!(terms.are_told_again(&more));
        let known = Terms::of(&more);
        let day = first.booking_date.succ_opt();
        for other in [
            BankTransaction { amount: money("6"), ..first.clone() },
            BankTransaction { credit_debit: CreditDebit::Debit, ..first.clone() },
            BankTransaction { value_date: day, ..first.clone() },
            BankTransaction { booking_date: day.expect("a day"), ..first.clone() },
            BankTransaction { debtor_account: Some("PAYERB".to_owned()), ..first.clone() },
        ] {
            assert!(!known.are_told_again(&other), "{other:?}");
        }
    }

    #[test]
    fn a_statements_number_is_of_its_currency_and_year() {
        let at = |amount: &str, on: &str| BankTransaction {
            booking_date: day(on),
            ..credit("T", amount)
        };
        let terms = Terms::of(&at("5", "2025-12-30"));
        for (other, apart) in [
            (at("6", "2025-01-02"), false),
            (at("5", "2026-01-02"), false),
            (at("6", "2026-01-02"), true),
            (at("5", "2026-12-30"), true),
        ] {
            assert_eq!(terms.are_of_another_book(&other), apart, "{other:?}");
        }
    }
}
