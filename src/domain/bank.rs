//! Bank transactions: facts that a bank feed reports (one camt `TxDtls`).

use std::fmt;

use chrono::NaiveDate;

use super::ids::BankAccountId;
use super::money::Money;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CreditDebit {
    Credit,
    Debit,
}

/// Entry status: only `Booked` moves money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryStatus {
    Booked,
    Pending,
    Information,
}

/// One transaction as the bank reports it. `Debug` prints no text that people wrote.
#[derive(Clone, PartialEq, Eq)]
pub struct BankTransaction {
    pub bank_account: BankAccountId,
    pub bank_transaction_id: Option<String>,
    pub statement_id: Option<String>,
    pub entry_reference: Option<String>,
    pub end_to_end_id: Option<String>,
    pub credit_debit: CreditDebit,
    pub status: EntryStatus,
    pub reversal: bool,
    /// Greater than zero, in the currency's minor units.
    pub amount: Money,
    /// Charges that the bank declares it has kept, same currency.
    pub charges: Option<Money>,
    /// What the payer ordered, if the bank states it: perhaps in another currency.
    pub instructed: Option<Money>,
    /// Set for one of the transactions that the bank booked as one entry.
    pub detail: Option<EntryDetail>,
    pub booking_date: NaiveDate,
    pub value_date: Option<NaiveDate>,
    pub debtor_name: Option<String>,
    /// As the bank wrote it; see `matching::text::payer_account` for the key.
    pub debtor_account: Option<String>,
    pub virtual_account: Option<String>,
    pub creditor_reference: Option<String>,
    /// The payer's free text, in the bank's lines, as delivered.
    pub unstructured: Vec<String>,
    pub return_of: Option<ReturnOf>,
}

impl fmt::Debug for BankTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BankTransaction")
            .field("bank_account", &"…")
            .field("bank_transaction_id", &self.bank_transaction_id)
            .field("credit_debit", &self.credit_debit)
            .field("status", &self.status)
            .field("reversal", &self.reversal)
            .field("amount", &self.amount)
            .field("booking_date", &self.booking_date)
            .finish_non_exhaustive()
    }
}

/// The place of a transaction in an entry that the bank booked as one sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryDetail {
    /// 1, 2, 3… within the entry.
    pub index: u32,
    /// The sum that was booked.
    pub entry_amount: Option<Money>,
    /// How many transactions the entry has.
    pub entry_details: Option<u32>,
}

/// What a returned transaction says about its original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnOf {
    pub bank_transaction_id: Option<String>,
    pub end_to_end_id: Option<String>,
    pub reason: Option<String>,
}

/// What the direction gate makes of a transaction (domain §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Credit, not reversed: money received.
    Payment,
    /// An earlier credit was undone.
    Return,
    /// An earlier debit of ours came back: never a customer payment.
    BouncedRefund,
    /// Our own outgoing money.
    Outgoing,
}

impl BankTransaction {
    #[must_use]
    pub fn direction(&self) -> Direction {
        match (self.credit_debit, self.reversal, self.return_of.is_some()) {
            (CreditDebit::Credit, false, _) => Direction::Payment,
            (CreditDebit::Credit, true, _) => Direction::BouncedRefund,
            (CreditDebit::Debit, true, _) | (CreditDebit::Debit, false, true) => Direction::Return,
            (CreditDebit::Debit, false, false) => Direction::Outgoing,
        }
    }

    /// The day the funds count: the value date, else the booking date.
    #[must_use]
    pub fn effective_date(&self) -> NaiveDate {
        self.value_date.unwrap_or(self.booking_date)
    }
}
