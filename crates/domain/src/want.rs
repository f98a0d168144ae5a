//! What deciding may ask for: the one vocabulary between it and whoever loads the working set.

use chrono::NaiveDate;

use crate::advice::{AdviceKey, AdvisedMoney, Marks};
use crate::bank::BankTransaction;
use crate::ids::{
    AccountId, BankAccountId, BankKey, HoldId, PaymentId, RecordId, RefundId, UsageId,
};
use crate::keys::WatchKey;
use crate::matching::near::Word;
use crate::matching::text::Tokens;
use crate::matching::weak::payer_account;
use crate::money::Currency;
use crate::reversal::OriginalKey;
use crate::working_set::alike::SameMoney;
use crate::working_set::lots::Walk;
use crate::working_set::pending::Transfer;

/// A key that deciding looks up. What was not loaded under it is a miss, never "not there".
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Want {
    /// What is known of a customer. It is read and not locked: that alone brings no money there.
    Account(AccountId),
    /// The customers of a payer's account: verified, learnt from persons, and former ones.
    Payer(String),
    /// Whose a virtual account is, and was.
    Virtual(String),
    /// The invoice of a payment reference: ours, or one of upstream that has check digits.
    Reference(String),
    /// The invoices whose folded number this is, or to which upstream gave it as a plain number.
    Number(String),
    /// What the bank's record of this key became.
    Bank(BankKey),
    /// The last of the bank's equal records without an id: the bank account, and what their keys
    /// begin with.
    LastEqual(String, String),
    /// The payable invoices of an account whose due amount is exactly this many micros.
    Exact(AccountId, Currency, i64),
    /// The oldest payable invoices of an account in a currency.
    Oldest(AccountId, Currency),
    /// Payable invoices of the whole book with exactly this due amount.
    Book(Currency, i64),
    /// Payable invoices whose reference or number is this word but for one typing mistake.
    Near(Word),
    /// Customers that share this name, as [`names::key`](crate::matching::names::key) has it.
    Namesakes(String),
    /// Payments of an account in a currency that have money left.
    Held(AccountId, Currency),
    /// A payment, with what it pays and what persons took it off.
    Payment(PaymentId),
    /// Whether some payment has this id.
    Taken(PaymentId),
    /// All parts that a payment ever had, and what is live of its allocations and of theirs.
    Whole(PaymentId),
    /// The payments that a return means which says this, with who paid them; as [`Self::Whole`].
    Original(OriginalKey),
    /// The payments that may be one transfer with this one, told twice.
    ToldTwice(PaymentId),
    /// The returns that the bank's id in one of its accounts may name: theirs, or that of what they
    /// returned.
    Returned(String, String),
    /// What was returned of a payment and of its parts.
    ReturnsOf(PaymentId),
    /// A return that waits, by its key.
    Parked(BankKey),
    /// The records that announced what is booked under a key, by what both have in common.
    Announced(BankKey, Transfer),
    /// What is booked already of that which a record announces: on its day, or soon after.
    BookedAlready(BankKey, Transfer, NaiveDate),
    /// Payments of one bank account, day and amount that the bank gave no id, of a payer (the end
    /// of the number) and of nobody; of everybody if the payer is nobody.
    WithoutId(SameMoney, Option<String>),
    /// As [`Self::WithoutId`]: those that have an id.
    WithId(SameMoney, Option<String>),
    /// What the bank took back, or gave back again, of one bank account, day and amount; only what
    /// has no id, or all.
    ToldSteps(SameMoney, bool),
    /// More lots of an account in a currency than the so many that were read for this walk.
    Lots(Walk, AccountId, Currency, usize),
    /// What an account has in each currency.
    Balances(AccountId),
    /// How far an account may go below zero.
    Limits(AccountId),
    /// What live holds set aside of an account's money.
    SetAside(AccountId),
    /// A charge, with what was refunded of it, and the lots that it burnt.
    Charge(AccountId, UsageId),
    Refund(AccountId, RefundId),
    Hold(AccountId, HoldId),
    /// What was ever suggested for a payment, also together with others, and what was said of it.
    Suggested(PaymentId),
    /// Whom a bank payment comes from, and the links that rest on what was said of it.
    Taught(PaymentId),
    Advice(AdviceKey),
    /// The advice that belongs to a payment.
    AdviceOf(PaymentId),
    /// The newest advices of a bank account that say exactly this.
    Twins(BankAccountId, String),
    /// Advices that wait for so much there, and may be about a payment with these marks.
    Fitting(BankAccountId, Currency, i64, Marks),
    /// The payments that an advice with this money may be about.
    Advised(AdvisedMoney),
    /// The bank's record of a payment that may be decided again, with the payment.
    BankRecord(PaymentId),
    /// The first payments that are decided again when what has this key happens.
    Watchers(WatchKey),
    /// Payments that are held for a customer, and wait for an invoice of so many micros.
    Holders(AccountId, Currency, i64),
    /// The commands of a customer that wait.
    Queue(AccountId),
    /// Whether a command waits, and whose it is.
    Waits(RecordId),
}

impl Want {
    /// What a payment names: its text, and whom its accounts belong to.
    pub fn named_by<'a>(
        bank: &'a BankTransaction,
        tokens: &'a Tokens,
    ) -> impl Iterator<Item = Self> + 'a {
        let references = tokens.references.iter().map(|found| Self::Reference(found.0.clone()));
        let numbers = tokens.numbers.iter().flatten();
        let numbers = numbers.map(|number| Self::Number(number.key.clone()));
        let account = |written: &Option<String>| written.as_deref().and_then(payer_account);
        let payer = account(&bank.debtor_account).map(Self::Payer);
        let holder = account(&bank.virtual_account).map(Self::Virtual);
        references.chain(numbers).chain(payer).chain(holder)
    }
}
