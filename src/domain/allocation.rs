//! Allocations (links of part of a payment to an invoice) and the lots they open.

use super::ids::{AccountId, AllocationId, InvoiceId, LedgerTransactionId, PaymentId};
use super::money::Money;

/// Which rule put a payment on an invoice (docs/MATCHING.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// Gates before matching: internal transfer, closed account.
    G,
    R1,
    R2,
    R3,
    R4,
    R4b,
    R5,
    R6,
    R7,
    R8,
    R9,
    R10,
    R11,
    R13,
    R14,
    R15,
}

impl Rule {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::G => "G5",
            Self::R1 => "R1",
            Self::R2 => "R2",
            Self::R3 => "R3",
            Self::R4 => "R4",
            Self::R4b => "R4b",
            Self::R5 => "R5",
            Self::R6 => "R6",
            Self::R7 => "R7",
            Self::R8 => "R8",
            Self::R9 => "R9",
            Self::R10 => "R10",
            Self::R11 => "R11",
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
            Self::R2 => "a payment reference with valid check digits names the invoice",
            Self::R3 => "the end-to-end id is one that we issued for the invoice",
            Self::R4 => "the text names the invoice number, and amount or payer agree",
            Self::R4b => "a word of the text is one typing mistake away from an invoice",
            Self::R5 => "the text names several invoices of one customer",
            Self::R6 => "the account paid into is the customer's own, and one invoice fits",
            Self::R7 => "the payer is a verified payer of the customer, and one invoice fits",
            Self::R8 => "the customer is known, and several invoices have the amount",
            Self::R9 => "the customer is known, and one group of invoices adds up to the amount",
            Self::R10 => "short by no more than the charges that the bank declares",
            Self::R11 => "the customer is known, but no invoice has this amount",
            Self::R13 => "the payer's name is a customer's, and one invoice has the amount",
            Self::R14 => "nothing but the amount fits, one invoice in the whole book",
            Self::R15 => "nothing points to an invoice or a customer",
        }
    }
}

/// One live link between a payment and an invoice; opens the lot of the same number.
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
}
