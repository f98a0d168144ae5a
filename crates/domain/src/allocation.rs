//! Allocations (links of part of a payment to an invoice) and the lots they open.

use super::ids::{AccountId, AllocationId, InvoiceId, LedgerTransactionId, PaymentId, ReturnId};
use super::money::{Money, MoneyError};

/// Which rule put a payment on an invoice (docs/MATCHING.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// Gates before matching: internal transfer, closed account.
    G,
    R1,
    /// What a return had taken is allocated again, because the return was undone.
    R1r,
    R2,
    /// A remittance advice names the invoices.
    R2a,
    R3,
    R4,
    R4b,
    R5,
    R5b,
    R6,
    R7,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
}

impl Rule {
    pub const ALL: [Self; 20] = [
        Self::G,
        Self::R1,
        Self::R1r,
        Self::R2,
        Self::R2a,
        Self::R3,
        Self::R4,
        Self::R4b,
        Self::R5,
        Self::R5b,
        Self::R6,
        Self::R7,
        Self::R8,
        Self::R9,
        Self::R10,
        Self::R11,
        Self::R12,
        Self::R13,
        Self::R14,
        Self::R15,
    ];

    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.word() == word)
    }

    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::G => "G5",
            Self::R1 => "R1",
            Self::R1r => "R1r",
            Self::R2 => "R2",
            Self::R2a => "R2a",
            Self::R3 => "R3",
            Self::R4 => "R4",
            Self::R4b => "R4b",
            Self::R5 => "R5",
            Self::R5b => "R5b",
            Self::R6 => "R6",
            Self::R7 => "R7",
            Self::R8 => "R8",
            Self::R9 => "R9",
            Self::R10 => "R10",
            Self::R11 => "R11",
            Self::R12 => "R12",
            Self::R13 => "R13",
            Self::R14 => "R14",
            Self::R15 => "R15",
        }
    }

    /// The rule in words, for a finance person.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::G => "a gate before matching stopped it",
            Self::R1 => "a person or an upstream system named payment and invoice",
            Self::R1r => "the bank undid a return: what it had taken is allocated again",
            Self::R2 => "a payment reference with valid check digits names the invoice",
            Self::R2a => "a remittance advice for this payment names the invoices",
            Self::R3 => "the end-to-end id is one that we issued for the invoice",
            Self::R4 => "the text names the invoice number, and amount or payer agree",
            Self::R4b => "a word of the text is one typing mistake away from an invoice",
            Self::R5 => "the text names several invoices of one customer",
            Self::R5b => "the text names several invoices of one customer, with another sum",
            Self::R6 => "the account paid into is the customer's own, and one invoice fits",
            Self::R7 => "the payer is a verified payer of the customer, and one invoice fits",
            Self::R8 => "the customer is known, and several invoices have the amount",
            Self::R9 => "the customer is known, and one group of invoices adds up to the amount",
            Self::R10 => "short by no more than the charges that the bank declares",
            Self::R11 => "the customer is known, but no invoice has this amount",
            Self::R12 => "the invoice that the text names is in another currency",
            Self::R13 => "the payer's name is a customer's, and one invoice has the amount",
            Self::R14 => "nothing but the amount fits, one invoice in the whole book",
            Self::R15 => "nothing points to an invoice or a customer",
        }
    }
}

/// One link between a payment and an invoice; opens the lot of the same number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    pub id: AllocationId,
    pub payment_id: PaymentId,
    pub invoice_id: InvoiceId,
    pub account_id: AccountId,
    /// Greater than zero; what the balance rises by.
    pub amount: Money,
    pub rule: Rule,
    pub ledger_transaction_id: LedgerTransactionId,
    /// What is left in the lot: less than the amount if the balance was negative, because the
    /// first thing that a lot burns is that debt.
    pub lot_remaining: Money,
    /// What was reversed of it since.
    pub reversed: Money,
    /// The undoing of a return that opened it.
    pub restores: Option<ReturnId>,
}

impl Allocation {
    /// What the payment still pays of the invoice by it.
    ///
    /// # Errors
    /// [`MoneyError`] only if the row contradicts its own constraints.
    pub fn live(&self) -> Result<Money, MoneyError> {
        self.amount.sub(self.reversed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_read_as_it_was_written() {
        for rule in Rule::ALL {
            assert_eq!(Rule::from_word(rule.word()), Some(rule));
        }
        // In the order of the enum, so that a new one is missed here.
        let last = Rule::ALL.iter().max();
        assert_eq!((last, Rule::ALL.len()), (Some(&Rule::R15), Rule::R15 as usize + 1));
    }
}
