//! Allocations (links of part of a payment to an invoice) and the lots they open.

use super::ids::{AccountId, AllocationId, InvoiceId, LedgerTransactionId, PaymentId, ReturnId};
use crate::money::{Amount, Money, MoneyError};

/// Which rule put a payment on an invoice (docs/MATCHING.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// Gates before matching: internal transfer, closed account.
    Gate,
    NamedByCommand,
    /// What a return had taken is allocated again, because the return was undone.
    ReturnUndone,
    CheckedReference,
    /// A remittance advice names the invoices.
    RemittanceAdvice,
    EndToEndId,
    InvoiceNumber,
    TypingMistake,
    SeveralInvoices,
    SeveralWithAnotherSum,
    VirtualAccount,
    KnownPayer,
    EqualAmounts,
    GroupOfInvoices,
    BankCharges,
    NoFittingAmount,
    OtherCurrency,
    PayerName,
    AmountOnly,
    NothingFound,
}

impl Rule {
    pub const ALL: [Self; 20] = [
        Self::Gate,
        Self::NamedByCommand,
        Self::ReturnUndone,
        Self::CheckedReference,
        Self::RemittanceAdvice,
        Self::EndToEndId,
        Self::InvoiceNumber,
        Self::TypingMistake,
        Self::SeveralInvoices,
        Self::SeveralWithAnotherSum,
        Self::VirtualAccount,
        Self::KnownPayer,
        Self::EqualAmounts,
        Self::GroupOfInvoices,
        Self::BankCharges,
        Self::NoFittingAmount,
        Self::OtherCurrency,
        Self::PayerName,
        Self::AmountOnly,
        Self::NothingFound,
    ];

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.word() == word)
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Gate => "G5",
            Self::NamedByCommand => "R1",
            Self::ReturnUndone => "R1r",
            Self::CheckedReference => "R2",
            Self::RemittanceAdvice => "R2a",
            Self::EndToEndId => "R3",
            Self::InvoiceNumber => "R4",
            Self::TypingMistake => "R4b",
            Self::SeveralInvoices => "R5",
            Self::SeveralWithAnotherSum => "R5b",
            Self::VirtualAccount => "R6",
            Self::KnownPayer => "R7",
            Self::EqualAmounts => "R8",
            Self::GroupOfInvoices => "R9",
            Self::BankCharges => "R10",
            Self::NoFittingAmount => "R11",
            Self::OtherCurrency => "R12",
            Self::PayerName => "R13",
            Self::AmountOnly => "R14",
            Self::NothingFound => "R15",
        }
    }

    /// The rule in words, for a finance person.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Gate => "a gate before matching stopped it",
            Self::NamedByCommand => "a person or an upstream system named payment and invoice",
            Self::ReturnUndone => "the bank undid a return: what it had taken is allocated again",
            Self::CheckedReference => {
                "a payment reference with valid check digits names the invoice"
            }
            Self::RemittanceAdvice => "a remittance advice for this payment names the invoices",
            Self::EndToEndId => "the end-to-end id is one that we issued for the invoice",
            Self::InvoiceNumber => "the text names the invoice number, and amount or payer agree",
            Self::TypingMistake => "a word of the text is one typing mistake away from an invoice",
            Self::SeveralInvoices => "the text names several invoices of one customer",
            Self::SeveralWithAnotherSum => {
                "the text names several invoices of one customer, with another sum"
            }
            Self::VirtualAccount => {
                "the account paid into is the customer's own, and one invoice fits"
            }
            Self::KnownPayer => {
                "the payer is a verified payer of the customer, and one invoice fits"
            }
            Self::EqualAmounts => "the customer is known, and several invoices have the amount",
            Self::GroupOfInvoices => {
                "the customer is known, and one group of invoices adds up to the amount"
            }
            Self::BankCharges => "short by no more than the charges that the bank declares",
            Self::NoFittingAmount => "the customer is known, but no invoice has this amount",
            Self::OtherCurrency => "the invoice that the text names is in another currency",
            Self::PayerName => "the payer's name is a customer's, and one invoice has the amount",
            Self::AmountOnly => "nothing but the amount fits, one invoice in the whole book",
            Self::NothingFound => "nothing points to an invoice or a customer",
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

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllocationPart {
    pub invoice_id: InvoiceId,
    /// None: the smaller of what is free on the payment and due on the invoice.
    pub amount: Option<Amount>,
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
        assert_eq!(
            (last, Rule::ALL.len()),
            (Some(&Rule::NothingFound), Rule::NothingFound as usize + 1)
        );
    }
}
