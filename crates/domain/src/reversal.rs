//! Steps back: de-allocating, removing, returning. Nothing is undone in place; each step is a
//! posting and a record of its own.

use std::cmp::Ordering;

use rust_decimal::Decimal;

use super::money::{Currency, Money, MoneyError};
use super::usage::LotMove;
use crate::ids::{
    AccountId, AllocationId, BankKey, InvoiceId, LedgerTransactionId, PaymentId, ReturnId,
    ReversalId,
};

/// Why an allocation was reversed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReversalKind {
    /// A command took the payment off the invoice.
    Deallocated,
    /// A command removed the payment.
    Removed,
    /// The bank took the money back.
    Returned,
}

impl ReversalKind {
    pub const ALL: [Self; 3] = [Self::Deallocated, Self::Removed, Self::Returned];

    pub fn word(self) -> &'static str {
        match self {
            Self::Deallocated => "deallocated",
            Self::Removed => "removed",
            Self::Returned => "returned",
        }
    }

    /// Reads what the database holds.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// Part of an allocation, or all that is live of it, goes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reversal {
    pub id: ReversalId,
    pub kind: ReversalKind,
    pub allocation_id: AllocationId,
    pub payment_id: PaymentId,
    pub invoice_id: InvoiceId,
    pub account_id: AccountId,
    /// Greater than zero; what the balance falls by and what is due on the invoice again.
    pub amount: Money,
    /// The part of it that had been spent.
    pub clawed_back: Money,
    /// What the allocation's own lot gives, and which other lots clear the debt that a claw-back
    /// makes.
    pub moves: Vec<LotMove>,
    /// The bank's return that it is part of.
    pub return_id: Option<ReturnId>,
    pub reason: Option<String>,
    pub ledger_transaction_id: LedgerTransactionId,
}

/// The bank took back a payment, or part of it, or that was undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentReturn {
    pub id: ReturnId,
    pub key: BankKey,
    pub payment_id: PaymentId,
    /// Greater than zero.
    pub amount: Money,
    /// What was taken of the free money, of unspent lots, and of what had been spent. Of an undone
    /// return: what stayed free, and what was allocated again.
    pub unallocated: Money,
    /// The part of `unallocated` that was not in the books any more, as the payment was removed: it
    /// is recorded and not posted.
    pub removed: Money,
    /// What the bank took beyond the payment as its fee, or gave back of that: the house's.
    pub fee: Money,
    /// What went out by hand when the payment was removed: counted as refunded from now on, since
    /// the payment has money again.
    pub now_refunded: Money,
    pub unspent: Money,
    pub clawed_back: Money,
    /// The return that this one undoes.
    pub undoes: Option<ReturnId>,
    /// The bank's reason, a code of four characters as a rule.
    pub reason: Option<String>,
    /// What the person said who pointed the bank's return at this payment.
    pub said: Option<String>,
    /// The bank's own id of it: of an entry that was booked as one sum perhaps that of the entry.
    pub bank_transaction_id: Option<String>,
    /// None where nothing was in the books.
    pub ledger_transaction_id: Option<LedgerTransactionId>,
}

/// A return that was applied before, and where it was taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedReturn {
    pub id: ReturnId,
    pub bank_account: String,
    pub bank_transaction_id: Option<String>,
    pub payment_id: PaymentId,
    pub amount: Money,
    /// How much of it was undone since.
    pub undone: Money,
    /// What of it was removed money, and what the bank took besides as its fee, as far as that was
    /// not undone.
    pub removed: Money,
    pub fee: Money,
    /// The invoices that it was taken from, in that order.
    pub parts: Vec<(InvoiceId, Money)>,
}

impl AppliedReturn {
    /// What of the payment may still come back.
    ///
    /// # Errors
    /// [`MoneyError`] only if the row contradicts its own constraints.
    pub fn left(&self) -> Result<Money, MoneyError> {
        self.amount.sub(self.undone)
    }

    /// The same with the fee.
    ///
    /// # Errors
    /// As [`Self::left`].
    pub fn left_with_fee(&self) -> Result<Money, MoneyError> {
        self.left()?.add(self.fee)
    }
}

/// What a return may say of its original, most telling first: the bank's id, that of the entry that
/// it is a detail of with the amount, that of the bank's own undoing of an earlier return of that
/// amount, the end-to-end id, the payer with the amount.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OriginalKey {
    BankId { bank_account: String, id: String },
    Detail { bank_account: String, id: String, amount: Money },
    Undone { bank_account: String, id: String, amount: Money },
    EndToEnd { bank_account: String, id: String },
    Payer { bank_account: String, payer: String, amount: Money },
}

impl Ord for OriginalKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.columns().cmp(&other.columns())
    }
}

impl PartialOrd for OriginalKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl OriginalKey {
    /// Amounts of money have no order of their own, as there are currencies.
    fn columns(&self) -> (u8, &str, &str, Option<(Currency, Decimal)>) {
        let (kind, bank_account, word, amount) = match self {
            Self::BankId { bank_account, id } => (0, bank_account, id, None),
            Self::Detail { bank_account, id, amount } => (1, bank_account, id, Some(amount)),
            Self::Undone { bank_account, id, amount } => (2, bank_account, id, Some(amount)),
            Self::EndToEnd { bank_account, id } => (3, bank_account, id, None),
            Self::Payer { bank_account, payer, amount } => (4, bank_account, payer, Some(amount)),
        };
        (kind, bank_account, word, amount.map(|money| (money.currency(), money.amount())))
    }

    pub fn bank_id(bank_account: &str, id: &str) -> Self {
        Self::BankId { bank_account: bank_account.to_owned(), id: id.to_owned() }
    }

    pub fn detail(bank_account: &str, id: &str, amount: Money) -> Self {
        Self::Detail { bank_account: bank_account.to_owned(), id: id.to_owned(), amount }
    }

    pub fn undone(bank_account: &str, id: &str, amount: Money) -> Self {
        Self::Undone { bank_account: bank_account.to_owned(), id: id.to_owned(), amount }
    }

    pub fn end_to_end(bank_account: &str, id: &str) -> Self {
        Self::EndToEnd { bank_account: bank_account.to_owned(), id: id.to_owned() }
    }

    pub fn payer(bank_account: &str, payer: &str, amount: Money) -> Self {
        let (bank_account, payer) = (bank_account.to_owned(), payer.to_owned());
        Self::Payer { bank_account, payer, amount }
    }
}
