//! Bank transactions: facts that a bank feed reports (one camt `TxDtls`).

use std::fmt;

use chrono::NaiveDate;

use super::ids::BankAccountId;
use super::money::Money;
use super::reversal::OriginalKey;
use crate::matching::weak;
use crate::matching::weak::{is_weak_reference, payer_account};

/// How the mark begins that stands where a text was too long to be kept. What begins so is no text
/// of a payer.
pub const CUT_MARK: &str = "[cut: ";

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
    /// In the currency's minor units. Zero where the bank only says something: no money moves.
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
    /// As the bank wrote it; see `matching::weak::payer_account` for the key.
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

/// An end-to-end id or an account as the bank wrote it, unless it is one of the words that banks
/// write where there is none.
pub fn identity_of(text: &str) -> Option<&str> {
    payer_account(text).is_some().then_some(text)
}

/// An end-to-end id that names one payment: payers write `TOPUP` or `N/A` there as well.
pub fn end_to_end_of(text: &str) -> Option<&str> {
    identity_of(text).filter(|id| !is_weak_reference(id))
}

/// What a bank told of a payment, as far as it is found by that when it is returned.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    pub bank_account: &'a str,
    pub id: Option<&'a str>,
    pub is_detail: bool,
    pub end_to_end: Option<&'a str>,
    pub payer: Option<&'a str>,
    pub amount: Money,
}

impl Told<'_> {
    /// The keys of it.
    pub fn keys(&self) -> Vec<OriginalKey> {
        let own = self.bank_account;
        // Of an entry that was booked as one sum the id may be that of all its details.
        let id = self.id.map(|id| match self.is_detail {
            false => OriginalKey::bank_id(own, id),
            true => OriginalKey::detail(own, id, self.amount),
        });
        let end_to_end = self.end_to_end.and_then(end_to_end_of);
        let end_to_end = end_to_end.map(|id| OriginalKey::end_to_end(own, id));
        let payer = self.payer.and_then(identity_of);
        let payer = payer.map(|payer| OriginalKey::payer(own, payer, self.amount));
        id.into_iter().chain(end_to_end).chain(payer).collect()
    }
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
    pub fn direction(&self) -> Direction {
        match (self.credit_debit, self.reversal, self.return_of.is_some()) {
            (CreditDebit::Credit, false, _) => Direction::Payment,
            (CreditDebit::Credit, true, _) => Direction::BouncedRefund,
            (CreditDebit::Debit, true, _) | (CreditDebit::Debit, false, true) => Direction::Return,
            (CreditDebit::Debit, false, false) => Direction::Outgoing,
        }
    }

    /// Whether the transaction, booked or not, takes something back: it then needs an original.
    pub fn is_step_back_booked_or_not(&self) -> bool {
        match self.direction() {
            Direction::Return | Direction::BouncedRefund => true,
            Direction::Payment | Direction::Outgoing => false,
        }
    }

    /// Whether the transaction takes money back now: booked, and of more than nothing.
    pub fn is_booked_step_back(&self) -> bool {
        let booked = self.status == EntryStatus::Booked && self.amount.is_positive();
        booked && self.is_step_back_booked_or_not()
    }

    /// What names the original of a return, most telling first.
    pub fn original_keys(&self) -> Vec<OriginalKey> {
        let of = self.return_of.as_ref();
        let own = self.bank_account.as_str();
        let mut keys = Vec::new();
        let named = of.and_then(|of| of.bank_transaction_id.as_deref());
        // Some banks give the reversal the id of what it reverses.
        for id in named.into_iter().chain(self.bank_transaction_id.as_deref()) {
            keys.push(OriginalKey::bank_id(own, id));
            keys.push(OriginalKey::detail(own, id, self.amount));
        }
        keys.extend(named.map(|id| OriginalKey::undone(own, id, self.amount)));
        keys.extend(self.original_end_to_end().map(|id| OriginalKey::end_to_end(own, id)));
        for amount in [Some(self.amount), self.stated_original()].into_iter().flatten() {
            let payer = self.debtor_account.as_deref().and_then(identity_of);
            keys.extend(payer.map(|payer| OriginalKey::payer(own, payer, amount)));
        }
        keys
    }

    /// The end-to-end id of what a return returns.
    pub fn original_end_to_end(&self) -> Option<&str> {
        let of = self.return_of.as_ref().and_then(|of| of.end_to_end_id.as_deref());
        of.or(self.end_to_end_id.as_deref()).and_then(end_to_end_of)
    }

    /// What the bank says that the original was, where it takes its fee in the same booking.
    pub fn stated_original(&self) -> Option<Money> {
        let stated = self.instructed.filter(|sum| sum.currency() == self.amount.currency());
        let by_charges = self.charges.and_then(|charges| self.amount.sub(charges).ok());
        let original = stated.or(by_charges)?;
        let fee = self.amount.sub(original).ok()?;
        let agrees = stated.is_none() || self.charges.is_none_or(|charges| charges == fee);
        (agrees && original.is_positive() && fee.is_positive()).then_some(original)
    }

    /// What a payment that this became is found by when it is returned.
    pub fn own_keys(&self) -> Vec<OriginalKey> {
        let told = Told {
            bank_account: self.bank_account.as_str(),
            id: self.bank_transaction_id.as_deref(),
            is_detail: self.detail.is_some(),
            end_to_end: self.end_to_end_id.as_deref(),
            payer: self.debtor_account.as_deref(),
            amount: self.amount,
        };
        told.keys()
    }

    /// The same money without what people wrote and without whom it came from: what is left when
    /// nothing else of a record can be stored.
    pub fn without_texts(&self) -> Self {
        Self {
            end_to_end_id: None,
            debtor_name: None,
            debtor_account: None,
            virtual_account: None,
            creditor_reference: None,
            unstructured: Vec::new(),
            ..self.clone()
        }
    }

    /// The day the funds count: the value date, else the booking date.
    pub fn effective_date(&self) -> NaiveDate {
        self.value_date.unwrap_or(self.booking_date)
    }
}

/// Statement and entry, where that names an entry: some gateways write the statement's own name, or
/// a word for none, at every entry.
pub fn entry_of(bank: &BankTransaction) -> Option<(&str, &str)> {
    let (statement, entry) = bank.statement_id.as_deref().zip(bank.entry_reference.as_deref())?;
    let same = statement.trim().eq_ignore_ascii_case(entry.trim());
    let none = weak::is_word_for_none(entry) || weak::is_word_for_none(statement);
    (!same && !none).then_some((statement, entry))
}
